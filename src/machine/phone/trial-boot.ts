import { join } from 'node:path/posix';
import type { Arch } from '../../core/arch.ts';
import { messageOf } from '../../core/errors/errors.ts';
import { evidence, type PhoneRow } from '../../host/android/check/phone-row.ts';
import type { Context } from '../../host/context.ts';
import { readText } from '../../host/read-text.ts';
import { type CrosvmPlace, crosvmArgv } from '../vmm/crosvm/argv.ts';
import { dialectOf } from '../vmm/crosvm/dialect.ts';
import { EXIT_CODES } from './exit.ts';
import type { PhoneCrosvm } from './find-crosvm.ts';

const WITHIN_MS = 40_000;
/** What a kernel needs that reboots at the end. */
const MEMORY_MIB = 256;

/** A cpio archive with nothing in it (linux: Documentation/driver-api/early-userspace/buffer-format.rst): a kernel without an init panics, and `panic=-1` ends that at once. */
const NO_INIT = `070701${'00000000'.repeat(11)}0000000B00000000TRAILER!!!`.padEnd(512, '\0');

interface TrialEnd {
  /** Undefined: it was ended at its deadline, or the phone was lost. */
  readonly exitCode: number | undefined;
  readonly console: string;
  /** What crosvm said, or why nobody knows. */
  readonly said: string;
}

/** Pure. The kernel tells how many processors it brought up (linux: kernel/smp.c, smp_init), and the reboot after its panic is exit code 32: nothing less is a yes. */
export function judgeTrial({ exitCode, console, said }: TrialEnd, cpus: number): PhoneRow {
  const marker = /smp: Brought up \d+ nodes?, (\d+) CPUs?/.exec(console);
  const isUp = marker?.[1] === String(cpus);
  const what = `boots with ${cpus} processor${cpus === 1 ? '' : 's'}`;
  const seen = evidence('console', marker?.[0] ?? console.trim().split('\n').at(-1) ?? '');
  if (exitCode === 32 && isUp)
    return { what, answer: 'yes', says: 'the kernel started, and rebooted as it was to', evidence: seen };
  const ended =
    exitCode === undefined ? 'it did not end' : `exit code ${exitCode}: ${EXIT_CODES[exitCode]?.means ?? 'unknown'}`;
  const why = isUp
    ? ended
    : marker === null
      ? `the kernel did not come up; ${ended}`
      : `${marker[1]} of ${cpus} came up; ${ended}`;
  return { what, answer: 'no', says: why, evidence: `${seen}; ${evidence('crosvm', said)}` };
}

/** Starts a kernel, on the phone at `kernel`, with nothing but processors and memory, until it reboots. Nothing stays. Some phones reset when a guest has all processors. */
export async function tryBoot(
  { program, dialect, hypervisor }: PhoneCrosvm,
  kernel: string,
  { arch, cpus }: { readonly arch: Arch; readonly cpus: number },
  context: Context,
): Promise<PhoneRow> {
  const { host, signal, paths } = context;
  const folder = join(paths.state, `trial-${cpus}`);
  const file = (role: string): string => (role === 'kernel' ? kernel : join(folder, role));
  const place: CrosvmPlace = {
    ...{ program, hypervisor, fileOf: file, socket: file('sock'), input: undefined, tap: undefined, cid: undefined },
  };
  const machine = {
    ...{ name: 'vmkit-trial', arch, cpus, memoryMib: MEMORY_MIB, disks: [], commandLine: 'console=ttyS0 panic=-1' },
    network: { kind: 'user' as const, world: 'none' as const, hostAccess: [] },
  };
  await host.remove(folder);
  try {
    await host.write(file('initramfs'), NO_INIT);
    const limit = hypervisor === 'gunyah' ? 'ulimit -l unlimited; ' : '';
    const argv = ['sh', '-c', `${limit}exec "$@"`, 'sh', ...crosvmArgv(machine, place, dialectOf(dialect))];
    const end = await host.exec(argv, { withinMs: WITHIN_MS, signal }).then(
      ({ exitCode, stdout, stderr }) => ({ exitCode, said: `${stderr}\n${stdout}` }),
      (error: unknown) => {
        signal.throwIfAborted();
        return { exitCode: undefined, said: messageOf(error) };
      },
    );
    return judgeTrial({ ...end, console: await readText(file('console'), host) }, cpus);
  } finally {
    await host.remove(folder).catch(() => undefined);
  }
}
