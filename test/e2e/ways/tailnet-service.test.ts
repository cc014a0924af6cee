import { readFile, writeFile } from 'node:fs/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../../src/core/deadline.ts';
import { type Systemd, startSystemd, whyNoSystemd } from '../../support/hosts/systemd.ts';
import { useSandbox } from '../../support/machine.ts';
import { tailscalePrograms } from '../../support/tailnet/programs.ts';
import { type Joined, whyNoTailnet } from '../../support/tailnet/tailnet.ts';
import { useTailnet } from '../../support/tailnet/use-tailnet.ts';

const reason = whyNoTailnet() ?? whyNoSystemd();

/** A real systemd runs the units of `vmkit tailnet service`; each test goes on where the one before it ended. */
describe.skipIf(reason !== undefined).sequential(`tailnet service${reason === undefined ? '' : `: ${reason}`}`, () => {
  const tailnet = useTailnet();
  const sandbox = useSandbox(tailnet.host, { hasOwnKernel: false });
  let systemd: Systemd | undefined;
  let peer: Joined | undefined;

  beforeAll(async () => {
    const programs = await tailscalePrograms(sandbox.folder);
    peer = await tailnet.join({ ...programs, namespace: tailnet.peer, hostname: 'away', isTun: true });
    systemd = await startSystemd({ namespace: tailnet.host });
    // As a package has them: not below a home, which the unit does not see.
    for (const [name, folder] of [
      ['tailscale', 'bin'],
      ['tailscaled', 'sbin'],
    ] as const) {
      await execa('cp', [programs[name], await inside(`/usr/${folder}/`)]);
    }
  });
  afterAll(() => systemd?.stop());

  const run = async (...argv: string[]): Promise<string> => {
    const ended = await systemd?.run(argv, { XDG_STATE_HOME: '/var/lib/test-state', NO_COLOR: '1' });
    if (ended?.exitCode !== 0) throw new Error(`${argv.join(' ')}: ${ended?.stdout}${ended?.stderr}`);
    return ended.stdout;
  };
  const service = (...words: string[]): Promise<string> =>
    run(process.execPath, sandbox.program, 'tailnet', 'service', ...words);
  const show = async (unit: string, property: string): Promise<string> =>
    (await run('systemctl', 'show', `vmkit-${unit}.service`, `--property=${property}`, '--value')).trim();
  const statusOf = async (): Promise<Record<string, string>> => {
    const text = await readFile(`${await inside('/proc')}/${await show('tailscaled', 'MainPID')}/status`, 'utf8');
    return Object.fromEntries(
      text
        .split('\n')
        .map((line) => line.split(/:\s+/))
        .map(([name = '', value = '']) => [name, value]),
    );
  };

  test('under TUN: two capabilities and no more, a node that a peer reaches', async () => {
    await service('install');
    await run(
      'tailscale',
      'up',
      `--login-server=${tailnet.loginServer}`,
      '--auth-key=tskey-for-tests',
      '--hostname=unit',
      '--accept-dns=false',
      '--timeout=60s',
    );
    await tailnet.control({ Do: 'key', Key: '' });
    const rights = await statusOf();
    expect(rights).toMatchObject({
      CapEff: '0000000000003000',
      CapBnd: '0000000000003000',
      NoNewPrivs: '1',
      Seccomp: '2',
    });
    expect(Number(rights['Uid']?.split(/\s/)[0])).toBeGreaterThan(60_000);
    expect(await peer?.tailscale('ping', '--c=5', '--timeout=5s', '--until-direct=false', 'unit')).toContain(
      'pong from unit',
    );
    const said = (): Promise<string> => run('journalctl', '--no-pager', '-o', 'cat', '-u', 'vmkit-tailscaled-watch');
    await expect.poll(said, { timeout: 90_000, interval: 2_000 }).toContain('it has its control server');
  });

  test('it is the same node after a restart, without a key', async () => {
    const before = await run('tailscale', 'ip', '-4');
    await run('systemctl', 'restart', 'vmkit-tailscaled.service');
    const again = await poll(
      async () => ((await systemd?.run(['tailscale', 'ip', '-4']))?.stdout === before ? true : undefined),
      { withinMs: 60_000 },
    );
    expect(again).toBe(true);
    const watchdog = [await show('tailscaled-watch', 'ActiveState'), await show('tailscaled-watch', 'NRestarts')];
    expect(watchdog).toEqual(['active', '0']);
  });

  test('one that hangs is started again by the watchdog', async () => {
    const unit = await inside('/etc/systemd/system/vmkit-tailscaled-watch.service');
    await writeFile(unit, (await readFile(unit, 'utf8')).replace(/^(ExecStart=.*)$/m, '$1 --patience 6s'));
    await run('systemctl', 'daemon-reload');
    await run('systemctl', 'restart', 'vmkit-tailscaled-watch.service');
    const before = await show('tailscaled', 'MainPID');
    const said = (): Promise<string> =>
      run('journalctl', '--no-pager', '-o', 'cat', '-n', '1', '-u', 'vmkit-tailscaled-watch');
    await expect.poll(said, { timeout: 90_000, interval: 1_000 }).toContain('it has its control server');
    await run('kill', '-STOP', before);
    const isNew = async (): Promise<true | undefined> => {
      const [pid, state] = [await show('tailscaled', 'MainPID'), await show('tailscaled', 'ActiveState')];
      return pid !== '0' && pid !== before && state === 'active' ? true : undefined;
    };
    expect(await poll(isNew, { withinMs: 180_000, everyMs: 1_000 })).toBe(true);
    expect(await peer?.tailscale('ping', '--c=10', '--timeout=5s', '--until-direct=false', 'unit')).toContain(
      'pong from unit',
    );
  });

  test('remove: the units, the process and the state are gone', async () => {
    await service('remove');
    const left = await run('sh', '-c', 'ls /etc/systemd/system /var/lib/private 2>/dev/null; pidof tailscaled || true');
    expect(left).not.toMatch(/vmkit-tailscaled|^\d+$/m);
  });

  test('with userspace networking: no capability at all, and a proxy', async () => {
    await service('install', '--userspace');
    expect(await statusOf()).toMatchObject({ CapEff: '0000000000000000', CapBnd: '0000000000000000', NoNewPrivs: '1' });
    await run(
      'tailscale',
      'up',
      `--login-server=${tailnet.loginServer}`,
      '--hostname=unit2',
      '--accept-dns=false',
      '--timeout=60s',
    );
    const address = (await peer?.tailscale('ip', '-4'))?.trim();
    const api = JSON.parse(await run('tailscale', 'status', '--json'));
    const [url = ''] =
      Object.values<{ PeerAPIURL?: string[]; TailscaleIPs?: string[] }>(api.Peer).find(({ TailscaleIPs: ips }) =>
        ips?.includes(address ?? ''),
      )?.PeerAPIURL ?? [];
    expect(
      await run(
        'curl',
        '-s',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        '--max-time',
        '30',
        '--proxy',
        'socks5h://127.0.0.1:1055',
        url,
      ),
    ).toBe('200');
    await service('remove');
  });

  async function inside(path: string): Promise<string> {
    return systemd?.inside(path) ?? '';
  }
});
