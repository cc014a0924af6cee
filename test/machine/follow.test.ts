import { mkdir } from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import { machinePaths } from '../../src/core/paths.ts';
import { endProcess, startInBackground } from '../../src/host/local/process/background.ts';
import { type Followed, followBoot } from '../../src/machine/follow/follow.ts';
import { logsOf } from '../../src/machine/vmm/launch/recorder.ts';
import { contextIn } from '../support/context.ts';
import { recorded } from '../support/run/recorded.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const PANIC = 'echo "[ 1.0] Kernel panic - not syncing: VFS" >&8';
const PHASE = `echo '{"event":"phase","phase":"init","uptime":1}' >&9`;
const BOOTED = '{"event":"booted","uptime":2}';

/** Follows a script in QEMU's place: 8 is its console, 9 its port of events. */
async function follow(script: string, bootMs = 30_000): Promise<Followed> {
  const context = contextIn(await temporaryFolder());
  const paths = machinePaths(context.paths, 'sql');
  await mkdir(paths.stateDir, { recursive: true });
  const argv = recorded(script, logsOf(paths));
  const process_ = await startInBackground(argv, { logFile: paths.monitorLog });
  onTestFinished(() => void endProcess(process_, 'SIGKILL'));
  return await followBoot({ ...process_, vmm: 'qemu' }, ['postgres'], paths, { initMs: 30_000, bootMs }, context);
}

test('an event counts on the port, and nowhere else', async () => {
  expect((await follow(`${PHASE}; echo '${BOOTED}' >&9; exec sleep 60`)).end).toEqual({ kind: 'booted', uptime: 2 });
  const { end, consoleTail } = await follow(`${PHASE}; echo '${BOOTED}' >&8; exec sleep 60`, 1_000);
  expect(end).toEqual({ kind: 'timeout' });
  expect(consoleTail).toEqual([BOOTED]);
});

test('a service that the machine does not have is not ready', async () => {
  const { progress } = await follow(
    `${PHASE}; echo '{"event":"ready","service":"other","uptime":1}' >&9; echo '${BOOTED}' >&9; exec sleep 60`,
  );
  expect([...progress.services.keys()]).toEqual(['postgres']);
});

test('a panic is why a machine ended; one that goes on had none', async () => {
  expect((await follow(`${PHASE}; ${PANIC}`)).end).toEqual({
    kind: 'panic',
    line: '[ 1.0] Kernel panic - not syncing: VFS',
  });
  expect((await follow(`${PHASE}; ${PANIC}; echo '${BOOTED}' >&9; exec sleep 60`)).end.kind).toBe('booted');
  expect((await follow('echo "vmkit: no event port: none" >&8')).end.kind).toBe('no-event-port');
  expect((await follow('echo sorry >&2')).end.kind).toBe('qemu-ended');
});

test('a panic that follows a refusal does not hide the refusal', async () => {
  const fatal = `echo '{"event":"fatal","code":"data-disk-missing","message":"no disk","uptime":1}' >&9`;
  expect((await follow(`${fatal}; ${PANIC}`)).end).toMatchObject({ kind: 'fatal', code: 'data-disk-missing' });
});
