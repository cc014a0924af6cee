import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VmkitError } from '../../../src/core/errors/errors.ts';
import { packageRoot } from '../../../src/core/package-root.ts';
import { machinePaths, resolvePaths } from '../../../src/core/paths.ts';
import { hostFrom } from '../../../src/host/host-from.ts';
import { machineStatus } from '../../../src/machine/follow/status.ts';
import { findCrosvm } from '../../../src/machine/phone/find-crosvm.ts';
import { tryBoot } from '../../../src/machine/phone/trial-boot.ts';
import { tearDownHost } from '../../../src/verbs/host/host-network.ts';
import { setUpPhone } from '../../../src/verbs/phone/phone-network.ts';
import type { VerbContext } from '../../../src/verbs/step.ts';
import { stopMachines } from '../../../src/verbs/stop.ts';
import { bootWords } from '../../android/boot-words.ts';
import { crosvmWith, emulatedGuest, speakingGuest } from '../../android/crosvm-guest.ts';
import { type Phone, startPhone, whyNoPhone } from '../../android/phone.ts';
import { GUEST, NETWORK, sql } from '../../android/rooted-phone.ts';
import { bundledCli } from '../../support/cli.ts';
import { contextIn } from '../../support/context.ts';
import { must, namespaceHost } from '../../support/hosts/namespaces.ts';
import { SEED } from '../../support/run/dice.ts';
import { isAll } from '../../support/run/sampled.ts';

describe.skipIf(whyNoPhone() !== undefined)('machines of a rooted phone, over adb', () => {
  let phone: Phone;
  let context: VerbContext;
  beforeAll(async () => {
    phone = await startPhone({ hasMachines: true });
    phone.crosvm(crosvmWith(speakingGuest(GUEST)));
    const there = namespaceHost(phone.namespace);
    await must(there, ['ip', 'rule', 'add', 'pref', '31000', 'fwmark', '0x0/0xffff', 'iif', 'lo', 'lookup', '1030']);
    const host = hostFrom(`adb:${phone.serial}`);
    context = { ...contextIn(phone.folder), host, paths: (await host.place()).paths };
    await setUpPhone(NETWORK, context);
    // A guest of words has no card: its address is the phone's own.
    await must(there, ['ip', 'addr', 'add', `${GUEST}/32`, 'dev', 'lo']);
  }, 60_000);
  afterAll(() => phone.stop());

  const paths = () => machinePaths(context.paths, 'sql');
  const boot = () => bootWords(sql, 'phone', '/system/bin/sh', context);
  const stop = () => stopMachines('sql', 30, context);
  const onPhone = async (script: string): Promise<string> =>
    (await context.host.exec(['sh', '-c', script], { withinMs: 20_000 })).stdout.trim();

  test('boots beside the session, answers on the phone, is seen, and stops by its own power-off', async () => {
    const { state } = await boot();
    expect(state).toMatchObject({ vmm: 'phone', network: { kind: 'bridge' } });
    expect(await machineStatus('sql', context)).toMatchObject({ condition: 'running', pid: state.pid });
    const console = await context.host.open({ unix: paths().consoleSocket });
    let seen = '';
    // It is cut off by us.
    console.on('error', () => undefined);
    console.on('data', (text) => {
      seen += text;
    });
    console.write('typed here\n');
    await expect.poll(() => seen, { timeout: 20_000 }).toContain('typed here');
    console.destroy();
    expect(await onPhone(`cat ${paths().consoleLog}`)).toContain('a console');
    // The secrets are in memory, and in no file that outlives the phone's next start.
    expect(await onPhone('ls /dev/vmkit')).toBe('sql');
    expect(await onPhone('find /data/adb/vmkit -type f -exec grep -l the-secret {} +')).toBe('');
    // adbd's end is no end of the machine.
    await phone.restart();
    expect(await machineStatus('sql', context)).toMatchObject({ condition: 'running', pid: state.pid });
    expect((await stop())[0]?.stopped).toMatchObject({ askedBy: 'the supervisor', forced: [] });
    expect(await machineStatus('sql', context)).toMatchObject({ condition: 'off' });
    expect(await onPhone('ls /dev/vmkit; cat /data/adb/vmkit/machines/sql/wanted')).toBe('off');
  });

  test('a guest that reboots is the same machine with another process', async () => {
    const { state } = await boot();
    await onPhone('echo reboot >/data/adb/vmkit/machines/sql/input');
    const isAnother = async (): Promise<boolean> => {
      const now = await machineStatus('sql', context);
      return now.condition === 'running' && now.pid !== state.pid;
    };
    await expect.poll(isAnother, { timeout: 30_000 }).toBe(true);
    await stop();
  });

  test('a crosvm that ends at once is an error with its words, and is not started again', async () => {
    phone.crosvm(crosvmWith("fail 'failed to create vm'\n"));
    await expect(boot()).rejects.toMatchObject({ message: expect.stringContaining('failed to create vm') });
    expect(await onPhone('cat /data/adb/vmkit/machines/sql/wanted')).toBe('off');
    phone.crosvm(crosvmWith(speakingGuest(GUEST)));
  });

  test('a kernel alone is tried with some processors, by its marker and its exit code, and nothing stays', async () => {
    const found = await findCrosvm('x86_64', context);
    if ('lacks' in found) throw new Error(found.lacks);
    const tried = (cpus: number) => tryBoot(found, '/system/bin/sh', { arch: 'x86_64', cpus }, context);
    // A stand-in for a phone on which a guest with more than two processors resets.
    phone.crosvm(crosvmWith('[ $cpus -gt 2 ] || echo "smp: Brought up 1 node, $cpus CPUs" >>"$out"\nexit 32\n'));
    expect([await tried(1), await tried(2), await tried(8)].map(({ answer }) => answer)).toEqual(['yes', 'yes', 'no']);
    phone.crosvm(crosvmWith("fail 'no enabled hypervisor'\n"));
    expect(await tried(1)).toMatchObject({ answer: 'no', evidence: expect.stringContaining('no enabled hypervisor') });
    expect(await onPhone(`ls -d ${context.paths.state}/trial-*`)).toBe('');
    phone.crosvm(crosvmWith(speakingGuest(GUEST)));
  });

  const rounds = isAll ? 20 : 3;
  /** adbd dies at some moment of it, or in each third round is frozen until it has ended. Whether it was cut off: then it says that the phone is not reached. */
  const cutOff = async (what: Promise<unknown>, round: number): Promise<boolean> => {
    const cut = what.then(
      () => undefined,
      (error: unknown) => error,
    );
    await sleep((SEED * (round + 7)) % 2_500);
    const isFrozen = round % 3 === 2;
    if (isFrozen) phone.signal('SIGSTOP');
    else await phone.restart();
    const end = await cut.finally(() => (isFrozen ? phone.signal('SIGCONT') : undefined));
    if (end === undefined) return false;
    expect(end).toBeInstanceOf(VmkitError);
    expect(end instanceof VmkitError ? end.kind : undefined, String(end)).toBe('unreachable');
    return true;
  };
  test(`adbd dies, or is frozen, at any moment of a boot, and the next one ends it (VMKIT_TEST_SEED=${SEED})`, async () => {
    for (let round = 0; round < rounds; round += 1) {
      const isCut = await cutOff(boot(), round);
      if (!isCut) expect(await machineStatus('sql', context)).toMatchObject({ condition: 'running' });
      const uuid = JSON.parse(await readFile(join(phone.folder, paths().identityFile), 'utf8').catch(() => '{}'));
      const { state } = await boot();
      expect(await machineStatus('sql', context)).toMatchObject({ condition: 'running', pid: state.pid });
      const after = JSON.parse(await readFile(join(phone.folder, paths().identityFile), 'utf8'));
      if (uuid.hasDataDisk === true) expect(after.dataDiskUuid).toBe(uuid.dataDiskUuid);
      await stop();
    }
  });

  test.skipIf(!isAll)(
    `adbd dies, or is frozen, at any moment of a setup and of a stop: never told as done, and the next one ends it (VMKIT_TEST_SEED=${SEED})`,
    async () => {
      const own = (verb: 'add' | 'del') =>
        must(namespaceHost(phone.namespace), ['ip', 'addr', verb, `${GUEST}/32`, 'dev', 'lo']);
      for (let round = 0; round < rounds; round += 1) {
        await tearDownHost(context);
        await own('del');
        const isCut = await cutOff(setUpPhone(NETWORK, context), round);
        const { changes } = await setUpPhone(NETWORK, context);
        if (!isCut) expect(changes).toEqual([]);
        expect((await setUpPhone(NETWORK, context)).changes).toEqual([]);
        await own('add');
        await boot();
        const isStopCut = await cutOff(stop(), round + 4);
        if (!isStopCut) expect((await machineStatus('sql', context)).condition).not.toBe('running');
        if ((await machineStatus('sql', context)).condition === 'running') await stop();
        expect((await machineStatus('sql', context)).condition).not.toBe('running');
      }
    },
  );

  test('teardown ends the machine by its own power-off', async () => {
    await boot();
    await tearDownHost(context);
    expect((await machineStatus('sql', context)).condition).not.toBe('running');
    expect(await onPhone('cat /data/adb/vmkit/machines/sql/ended 2>/dev/null; ls /dev/vmkit')).not.toContain('sql');
  });
});

const whyNoGuest = whyNoPhone() ?? (isAll ? undefined : 'takes minutes: VMKIT_TEST_ALL=1');

describe.skipIf(whyNoGuest !== undefined)('the machine sql on a rooted phone, by the command line', () => {
  const cli = bundledCli();
  // The phone has a home of its own.
  const cache = join(resolvePaths().cache, '..');
  let phone: Phone;
  beforeAll(async () => {
    phone = await startPhone({ hasMachines: true });
    phone.crosvm(crosvmWith(emulatedGuest(process.pid, join(phone.folder, 'data'))));
    const there = namespaceHost(phone.namespace);
    await must(there, ['ip', 'rule', 'add', 'pref', '31000', 'fwmark', '0x0/0xffff', 'iif', 'lo', 'lookup', '1030']);
    await cp(join(packageRoot(), 'vm/sql'), join(phone.folder, 'vm/sql'), { recursive: true });
  });
  afterAll(() => phone.stop());

  const on = (...args: string[]) =>
    cli.run(['--host', `adb:${phone.serial}`, ...args], phone.folder, {
      XDG_CACHE_HOME: cache,
      NO_COLOR: '1',
    });
  const works = async (...args: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await on(...args);
    expect(exitCode, `${args.join(' ')}: ${stderr}`).toBe(0);
    return `${stdout}${stderr}`;
  };

  test('is refused before setup with the command for it, boots, is used and stops', async () => {
    const refused = await on('boot', 'sql');
    expect(refused.stderr).toContain(`vmkit --host adb:${phone.serial} host setup`);
    await works('host', 'setup', '--tap', `sql=${GUEST}`);
    const said = await works('boot', 'sql');
    expect(said).toContain('sql is up');
    expect(said).toMatch(/crosvm runs machines on .*, as root, by kvm/);
    expect(await works('status', 'sql')).toContain('running');
    expect(await works('ls')).toContain('sql');
    expect(await works('exec', 'sql', '--', 'uname', '-n')).toBe('sql\n');
    expect(await works('logs', 'sql', 'postgres')).toContain('ready to accept connections');
    await phone.restart();
    expect(await works('boot', 'sql')).toContain('sql');
    expect(await works('stop', 'sql')).not.toContain('killed');
    expect(await works('status', 'sql')).toContain('off');
    expect(await works('rm', 'sql', '--yes')).toContain('sql');
    await works('host', 'teardown');
  });
});
