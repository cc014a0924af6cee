import { spawn } from 'node:child_process';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { componentArtifact } from '../../../src/image/components/component.ts';
import type { Verdict } from '../../../src/reach/report.ts';
import { ensureArtifact } from '../../../src/store/store.ts';
import { contextIn } from '../../support/context.ts';
import { whyNoNamespaces } from '../../support/hosts/namespaces.ts';
import { useSandbox } from '../../support/machine.ts';
import { isAll, isTurnOf, sampled, TUNNELS } from '../../support/run/sampled.ts';
import { expectVerdict } from '../../support/ways/expect-verdict.ts';
import { probed, verdictOn } from '../../support/ways/probe.ts';

const reason = whyNoNamespaces();
const HOST = `vmkit-nebula-${process.pid}`;
const LAPTOP = `vmkit-laptop-${process.pid}`;
/** Again and again until an answer comes: the node has to start first. */
const GET = `const get = () => require('net').connect(3000, '10.89.0.1').on('error', () => setTimeout(get, 200))
  .on('data', (d) => { console.log(String(d)); process.exit(0); }).write('GET / HTTP/1.0\\r\\n\\r\\n'); get()`;

const machine = (network: string, clients: string): string => `memory: 256MiB
data: 64MiB
${network}services:
  - name: page
    run: exec /run/vmkit/busybox httpd -f -p 3000 -h /etc
    ready: { tcp: 3000 }
    ports: [{ name: web, port: 3000, protocol: http }]
  - use: nebula
    clients: ${clients}
`;

/**
 * Real guests as nodes of Nebula, and a real node of Nebula as the client, in a network namespace that is the host: it has lo, no route to the world, and
 * nothing else until the bridge is made. Every test goes on where the one before it ended.
 */
describe
  .skipIf(reason !== undefined || !isTurnOf('nebula', TUNNELS))
  .sequential(`Nebula as a way in${reason === undefined ? '' : `: ${reason}`}`, () => {
    const sandbox = useSandbox(HOST);
    const onHost = (...argv: string[]) =>
      execa('ip', ['netns', 'exec', HOST, ...argv], { reject: false, timeout: 30_000 });
    const look = async (): Promise<string> =>
      (await onHost('sh', '-c', 'ip rule; ip route show table all; ip -br link; nft list ruleset')).stdout;
    const folder = (name: string): string => join(sandbox.machine(name).secretsDir, 'nebula');
    const certificates = async (name: string): Promise<string> =>
      (await execa('sh', ['-c', 'sha256sum *.crt *.key'], { cwd: folder(name) })).stdout;
    const inGuest = async (name: string, script: string): Promise<string> => {
      const { exitCode, stdout, stderr } = await sandbox.vmkit(['exec', name, '--', 'sh', '-c', script]);
      if (exitCode !== 0) throw new Error(`${script}: ${exitCode} ${stderr}`);
      return stdout;
    };
    const probe = async (name: string, ...args: string[]): Promise<Verdict> => {
      return verdictOn('nebula', await probed(() => sandbox.vmkit(['probe', name, '--json', ...args])));
    };
    const cause = async (name: string): Promise<string | undefined> => (await probe(name)).finding?.cause;
    let nebula = '';
    let nebulaCert = '';

    /** A machine elsewhere: it reaches this host's address and nothing behind it. */
    const plugLaptop = async (): Promise<void> => {
      for (const command of [
        `netns add ${LAPTOP}`,
        `-n ${LAPTOP} link set lo up`,
        `-n ${HOST} link add up0 type veth peer name up0 netns ${LAPTOP}`,
        `-n ${LAPTOP} address add 198.51.100.1/24 dev up0`,
        `-n ${LAPTOP} link set up0 up`,
        `-n ${HOST} address add 198.51.100.2/24 dev up0`,
        `-n ${HOST} link set up0 addrgenmode none`,
        `-n ${HOST} link set up0 up`,
        `-n ${HOST} route add default via 198.51.100.1`,
      ]) {
        await execa('ip', command.split(' '));
      }
    };
    /** What a person does with the configuration: nebula -config FILE, and a page of the machine. */
    const dialFromLaptop = async (): Promise<string> => {
      const file = join(sandbox.folder, 'laptop.yml');
      const { stdout: configuration, stderr } = await sandbox.vmkit(['client', 'two', 'laptop']);
      if (configuration === '') throw new Error(stderr);
      await writeFile(file, configuration, { mode: 0o600 });
      const running = spawn('ip', ['netns', 'exec', LAPTOP, nebula, '-config', file], { stdio: 'ignore' });
      try {
        const get = ['netns', 'exec', LAPTOP, process.execPath, '-e', GET];
        return (await execa('ip', get, { timeout: 20_000, reject: false })).stdout;
      } finally {
        running.kill();
      }
    };

    beforeAll(async () => {
      await execa('ip', ['netns', 'add', HOST]);
      await onHost('ip', 'link', 'set', 'lo', 'up');
      await sandbox.define('plain', machine('', '[laptop]').replace(/ {2}- use: nebula\n.*\n/, ''));
      await sandbox.define('one', machine('', '[laptop]'));
      await sandbox.define(
        'two',
        machine('network: { kind: bridge, address: 192.168.100.5 }\n', '[laptop]\n    endpoint: 198.51.100.2'),
      );
      await sandbox.prebuild('one');
      const context = { ...contextIn(sandbox.folder), paths: sandbox.paths };
      const arch = process.arch === 'arm64' ? 'arm64' : 'x86_64';
      for (const name of ['nebula', 'nebula-cert']) {
        const { directory } = await ensureArtifact(componentArtifact(name, arch), context);
        if (name === 'nebula') nebula = join(directory, name);
        else nebulaCert = join(directory, name);
      }
    });
    afterAll(async () => {
      for (const name of [HOST, LAPTOP]) await execa('ip', ['netns', 'delete', name], { reject: false });
    });

    test('a client of its own gets the first byte, by the user network, without any change to this host', async () => {
      const { exitCode, stderr } = await sandbox.vmkit(['boot', 'one']);
      expect(stderr).not.toContain('error:');
      expect(exitCode).toBe(0);
      const before = await look();
      const { stdout } = await sandbox.vmkit(['expose', 'one', '--via', 'nebula']);
      expect(stdout).toContain('http://10.89.0.1:3000/\n');
      expect(stdout).toContain('a peer had the first byte');
      const verdict = await probe('one');
      expectVerdict(verdict).toMatchObject({ state: 'works', address: 'http://10.89.0.1:3000/' });
      expect(verdict.firstByteMs).toBeGreaterThan(0);
      expectVerdict(await probe('one', '--from', 'none')).toMatchObject({ state: 'untried' });
      expect((await sandbox.vmkit(['unexpose', 'one'])).exitCode).toBe(0);
      expect(await look()).toBe(before);
    });

    test("the CA's key stays on this host: not in the guest, on no console, nowhere readable by others", async () => {
      const key = (await readFile(join(folder('one'), 'ca.key'), 'utf8')).split('\n')[1] ?? '';
      expect(key.length).toBeGreaterThan(40);
      expect(await inGuest('one', 'ls /run/secrets/nebula')).toBe('ca.crt\nhost.crt\nhost.key\n');
      const found = await inGuest('one', `grep -rlF '${key}' /run /etc /data /root /tmp 2>/dev/null | wc -l`);
      expect(found).toBe('0\n');
      const { stdout } = await execa('grep', ['-rlaF', key, sandbox.folder], { reject: false });
      expect(stdout).toBe(join(folder('one'), 'ca.key'));
      const { stdout: open } = await execa('find', [sandbox.machine('one').secretsDir, '-type', 'f', '-perm', '/077']);
      expect(open).toBe('');
    });

    test.each(
      sampled(
        [
          ['nebula-down', 's6-svc -wD -T 20000 -d /run/service/nebula', 's6-svc -wU -T 30000 -u /run/service/nebula'],
          [
            'backend-not-listening',
            's6-svc -wD -T 9000 -d /run/service/page',
            's6-svc -wU -T 60000 -u /run/service/page',
          ],
          // One that runs has opened it already, and goes on.
          [
            'tun-missing',
            'mv /dev/net/tun /dev/net/away; s6-svc -wD -T 20000 -d /run/service/nebula; s6-svc -u /run/service/nebula; sleep 3',
            'mv /dev/net/away /dev/net/tun; s6-svc -wU -T 60000 -u /run/service/nebula',
          ],
          [
            'nebula-certificate-invalid',
            'date -s @$(($(date +%s) + 400000000)) >/dev/null',
            'date -s @$(($(date +%s) - 400000000)) >/dev/null',
          ],
        ],
        1,
      ),
    )('%s', async (name, inject, mend) => {
      await inGuest('one', inject);
      const found = await cause('one');
      await inGuest('one', mend);
      expect(found).toBe(name);
    });

    test.skipIf(!isAll)('a UDP port that a firewall drops', async () => {
      const rules = 'table inet fault { chain in { type filter hook input priority 0; udp dport 4242 drop; }; }';
      await execa('ip', ['netns', 'exec', HOST, 'nft', '-f', '-'], { input: rules });
      const { finding } = await probe('one');
      await onHost('nft', 'delete', 'table', 'inet', 'fault');
      expect(finding).toMatchObject({ cause: 'host-firewall', hop: 'host' });
      expect(finding?.observed).toContain('udp dport 4242 drop');
    });

    test('a certificate of another CA is refused, and named', async () => {
      const [real, other] = [folder('one'), join(sandbox.folder, 'other')];
      await mkdir(other);
      await cp(real, join(other, 'real'), { recursive: true });
      const run = (...args: string[]) => execa(nebulaCert, args, { cwd: other });
      await run('ca', '-name', 'another');
      await run('sign', '-name', 'probe', '-ip', '10.89.0.254/24');
      for (const end of ['crt', 'key']) await cp(join(other, `probe.${end}`), join(real, `client-probe.${end}`));
      const { finding } = await probe('one');
      for (const end of ['crt', 'key']) {
        await cp(join(other, 'real', `client-probe.${end}`), join(real, `client-probe.${end}`));
      }
      expect(finding).toMatchObject({
        cause: 'nebula-certificate-refused',
        title: "the machine refuses the client's certificate",
        observed: expect.stringContaining('Invalid certificate from host'),
      });
    });

    test('all faults are out again: no false alarm', async () => {
      expectVerdict(await probe('one')).toMatchObject({ state: 'works' });
    });

    test.skipIf(!isAll)(
      'after a reboot the certificates are the same but for a new client; a broken pair is mended; who was taken out is shut out',
      async () => {
        const before = await certificates('one');
        await sandbox.vmkit(['stop', 'one']);
        await sandbox.define('one', machine('', '[phone]'));
        // As a kill between the key and the certificate leaves it.
        await rm(join(folder('one'), 'client-probe.crt'));
        expect((await sandbox.vmkit(['boot', 'one'])).exitCode).toBe(0);
        const changed = (await certificates('one')).split('\n').filter((line) => !before.includes(line));
        expect(changed.map((line) => line.replace(/^\S+ +/, ''))).toEqual([
          ...['client-phone.crt', 'client-probe.crt', 'client-phone.key', 'client-probe.key'],
        ]);
        expect(JSON.parse(await readFile(join(folder('one'), 'overlay.json'), 'utf8'))).toEqual({
          address: '10.89.0.1/24',
          clients: { probe: '10.89.0.254/24', laptop: '10.89.0.2/24', phone: '10.89.0.3/24' },
        });
        expectVerdict(await probe('one')).toMatchObject({ state: 'works' });
        // The laptop's certificate is still valid.
        for (const end of ['crt', 'key']) {
          await cp(join(folder('one'), `client-laptop.${end}`), join(folder('one'), `client-probe.${end}`));
        }
        expect(await probe('one')).toMatchObject({
          finding: { cause: 'lost-in-tunnel', hop: 'guest' },
          layers: expect.arrayContaining([expect.objectContaining({ id: 'nebula-handshake', state: 'ok' })]),
        });
        await sandbox.vmkit(['stop', 'one']);
      },
    );

    test('on the bridge: set up through the journal, tried, and taken back', async () => {
      await plugLaptop();
      const setup = await sandbox.vmkit(['host', 'setup', '--tap', 'two=192.168.100.5']);
      expect(setup.exitCode).toBe(0);
      expect((await sandbox.vmkit(['boot', 'two'])).exitCode).toBe(0);
      expect(await probe('two')).toMatchObject({
        state: 'unavailable',
        reason: expect.stringContaining('--via nebula'),
      });
      const before = await look();
      const first = await sandbox.vmkit(['expose', 'two', '--via', 'nebula']);
      expect(first.stderr).not.toContain('error:');
      expect(first.stdout).toContain('http://10.89.0.1:3000/\n');
      expect(first.stdout).toContain('a peer had the first byte');
      expect(await look()).toContain('table ip vmkit_two_nebula');
      expect((await sandbox.vmkit(['expose', 'two', '--via', 'nebula'])).stdout).toContain('Served already');
      expect(await dialFromLaptop()).toContain('HTTP/1.');
      expect((await sandbox.vmkit(['unexpose', 'two'])).stdout).toContain('Taken back: UDP 4242');
      expect(await look()).toBe(before);
    });

    test('a machine without it says what to add', async () => {
      await sandbox.vmkit(['stop', 'two']);
      expect((await sandbox.vmkit(['boot', 'plain'])).exitCode).toBe(0);
      const { exitCode, stderr } = await sandbox.vmkit(['expose', 'plain', '--via', 'nebula']);
      expect(exitCode).toBe(6);
      expect(stderr).toContain('add `- use: nebula` to its services');
    });
  });
