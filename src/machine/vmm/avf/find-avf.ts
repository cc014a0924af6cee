import { type Arch, archOf } from '../../../core/arch.ts';
import { parseVmInfo } from '../../../host/android/check/parse-replies.ts';
import { VIRT_PROGRAMS } from '../../../host/android/virtualization.ts';
import type { Context } from '../../../host/context.ts';
import type { AvfRelease } from '../vmm-facts.ts';
import { releaseOf } from './release.ts';

export interface AvfFound {
  readonly release: AvfRelease;
}

export const VM: string = `${VIRT_PROGRAMS}/vm`;

/** What AVF of a phone is, for adb's own user; or what is lacking. Root's files have a label that AVF does not open (virtmgr, check_label_is_allowed). */
export async function findAvf(
  arch: Arch,
  { host, signal }: Pick<Context, 'host' | 'signal'>,
): Promise<AvfFound | { readonly lacks: string }> {
  const { isRoot, machine } = await host.facts();
  if (archOf(machine) !== arch) return { lacks: `${arch} processor` };
  if (isRoot) return { lacks: "AVF for root (adb:shell@SERIAL is adb's own user)" };
  const options = { signal, withinMs: 30_000 };
  const ask = (...argv: string[]) =>
    host.exec(argv, options).catch((error: unknown) => {
      signal.throwIfAborted();
      return { exitCode: 127, stdout: '', stderr: String(error) };
    });
  const info = await ask(VM, 'info');
  if (parseVmInfo(info.stdout).unprotected !== 'yes') return { lacks: "AVF that runs a kernel of one's own" };
  const release = releaseOf((await ask('getprop', 'ro.build.version.release')).stdout);
  return release === undefined ? { lacks: 'Android 13 or later' } : { release };
}
