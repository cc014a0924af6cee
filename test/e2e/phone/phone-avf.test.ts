import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { VmkitError } from '../../../src/core/errors/errors.ts';
import { machinePaths } from '../../../src/core/paths.ts';
import { hostFrom } from '../../../src/host/host-from.ts';
import { machineStatus } from '../../../src/machine/follow/status.ts';
import type { VmSpec } from '../../../src/spec/vm-spec.ts';
import { type ForwardedPort, forwardPorts } from '../../../src/verbs/forward.ts';
import type { VerbContext } from '../../../src/verbs/step.ts';
import { stopMachines } from '../../../src/verbs/stop.ts';
import { bootWords } from '../../android/boot-words.ts';
import { fakeVsock } from '../../android/fake-vsock.ts';
import { type Phone, startPhone, whyNoPhone } from '../../android/phone.ts';
import { SPEAKING_GUEST, vmStandIn } from '../../android/vm-stand-in.ts';
import { contextIn } from '../../support/context.ts';
import { SEED } from '../../support/run/dice.ts';
import { isAll } from '../../support/run/sampled.ts';
import { specWith } from '../../support/spec.ts';

const sql: VmSpec = {
  ...specWith('sql', []),
  dataMib: 16,
  network: { kind: 'private', address: '192.168.100.2', world: 'none', hostAccess: [] },
};
const getprop = (release: string): string => `#!/system/bin/sh
case $1 in *release) echo ${release} ;; *) echo 1 ;; esac
`;

describe.skipIf(whyNoPhone() !== undefined)('machines of a phone without root, by AVF over adb', () => {
  let phone: Phone;
  let vsock: Awaited<ReturnType<typeof fakeVsock>>;
  let context: VerbContext;
  let file: string;
  beforeAll(async () => {
    phone = await startPhone({ isRooted: false, hasMachines: true });
    phone.vm(vmStandIn('16', SPEAKING_GUEST));
    phone.program('getprop', getprop('16'));
    const first = hostFrom(`adb:${phone.serial}`);
    // adb's server runs by then.
    const { paths } = await first.place();
    vsock = await fakeVsock(Number(process.env['ANDROID_ADB_SERVER_PORT']));
    vi.stubEnv('ANDROID_ADB_SERVER_PORT', String(vsock.port));
    const host = hostFrom(`adb:${phone.serial}`);
    context = { ...contextIn(phone.folder), host, paths };
    file = join(paths.cache, 'a-file');
    await host.write(file, 'a kernel, for a guest of words\n');
  }, 60_000);
  afterAll(async () => {
    vsock?.close();
    await phone?.stop();
  });

  const paths = () => machinePaths(context.paths, 'sql');
  const boot = () => bootWords(sql, 'avf', file, context);
  const stop = () => stopMachines('sql', 30, context);
  const onPhone = async (script: string): Promise<string> =>
    (await context.host.exec(['sh', '-c', script], { withinMs: 20_000 })).stdout.trim();

  test('boots, answers over vsock, has its secrets no longer than the guest needs them, and stops by its console', async () => {
    const { state } = await boot();
    expect(state).toMatchObject({ vmm: 'avf', network: { kind: 'user', world: 'none' } });
    expect(await machineStatus('sql', context)).toMatchObject({ condition: 'running', pid: state.pid });
    expect(vsock.asked).toContain('vsock:2050:22');
    expect(await onPhone(`cat ${paths().consoleLog}`)).toContain('a console');
    expect(await onPhone(`tr -d '\\0' <${paths().runDir}/secrets.img | wc -c`)).toBe('0');
    expect((await stop())[0]?.stopped).toMatchObject({
      askedBy: 'its console',
      forced: [],
    });
    expect(await machineStatus('sql', context)).toMatchObject({ condition: 'off' });
    // Nothing of it is left, also what only passed on what was typed.
    await expect.poll(() => onPhone('ps -A -o ARGS | grep -c [i]nput'), { timeout: 20_000 }).toBe('0');
  });

  test('forward opens its ports here, and an answer that comes after the end of the question is not lost', async () => {
    await boot();
    const done = new AbortController();
    let said = '';
    const ask = async (ports: readonly ForwardedPort[]): Promise<void> => {
      const socket = connect({ port: ports[0]?.here ?? 0, host: '127.0.0.1', allowHalfOpen: true });
      socket.end('a question');
      said = await text(socket);
      done.abort();
    };
    await forwardPorts('sql', (ports) => void ask(ports), { ...context, signal: done.signal });
    expect(said).toContain('SSH-2.0-stand-in');
  });

  test('a machine whose vm run ended with its session is off, and the next boot starts it', async () => {
    const { state } = await boot();
    // What Android does to all that adbd started, when it ends adbd.
    await onPhone(`kill -9 ${state.pid}`);
    await expect.poll(async () => (await machineStatus('sql', context)).condition).not.toBe('running');
    const again = await boot();
    expect(again.state.pid).not.toBe(state.pid);
    await stop();
  });

  test('a machine that AVF refuses is an error with its words', async () => {
    phone.vm(vmStandIn('16', "fail 'Failed to create VM: a stand-in refuses'\n"));
    await expect(boot()).rejects.toMatchObject({ message: expect.stringContaining('a stand-in refuses') });
    phone.vm(vmStandIn('16', SPEAKING_GUEST));
  });

  test.each(isAll ? (['13', '14', '15'] as const) : (['13'] as const))(
    'Android %s takes its own flags and keys, and no others',
    async (release) => {
      phone.vm(vmStandIn(release, SPEAKING_GUEST));
      phone.program('getprop', getprop(release));
      await boot();
      await onPhone(`kill $(cat ${paths().runDir}/pid)`);
      await expect.poll(async () => (await machineStatus('sql', context)).condition).not.toBe('running');
    },
  );

  const rounds = isAll ? 20 : 2;
  test(`adbd dies at any moment of a boot or a stop, and the next one ends it (VMKIT_TEST_SEED=${SEED})`, async () => {
    for (let round = 0; round < rounds; round += 1) {
      const cut = (round % 2 === 0 ? boot() : stop()).catch((error: unknown) => error);
      await sleep((SEED * (round + 7)) % 2_500);
      await phone.restart();
      const end = await cut;
      if (end instanceof Error) expect(end).toBeInstanceOf(VmkitError);
      if (end instanceof VmkitError) expect(end.kind, end.message).toBe('unreachable');
      const { state } = await boot();
      expect(await machineStatus('sql', context)).toMatchObject({ condition: 'running', pid: state.pid });
    }
    await stop();
    expect(await onPhone('ps -A -o ARGS | grep -c [v]irt/bin/vm')).toBe('0');
  });
});
