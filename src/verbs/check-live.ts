import { VmkitError } from '../core/errors/errors.ts';
import { kernelRelease } from '../guest/kernel-release.ts';
import { liveScript, readTried, type Tried } from '../kernel/live/live-script.ts';
import { TRIALS } from '../kernel/live/trials.ts';
import { withGuest } from '../machine/guest.ts';
import { machineName } from './machine-name.ts';
import type { VerbContext } from './step.ts';

export interface LiveCheck {
  readonly target: string;
  /** As the kernel says it: `6.12.48`. */
  readonly release: string;
  readonly tried: readonly Tried[];
}

const WITHIN_MS = 600_000;

/**
 * Tries in a running machine what these profiles of check-kernel promise; none named: all that can be tried. Throws `unknown-machine`, `machine-off`,
 * `guest-unreachable`, and `guest-command-failed` where the guest's shell fails.
 */
export async function checkLive(target: string, profiles: readonly string[], context: VerbContext): Promise<LiveCheck> {
  const trials = TRIALS.filter(
    (trial) => profiles.length === 0 || trial.profiles.some((profile) => profiles.includes(profile)),
  );
  return withGuest(await machineName(target, context), context, async (guest) => {
    const release = await kernelRelease(guest);
    const { exitCode, stdout, stderr } = await guest.exec(['sh', '-s'], {
      input: liveScript(trials),
      withinMs: WITHIN_MS,
      signal: context.signal,
    });
    if (exitCode !== 0) throw scriptFailed(target, stderr);
    return { target, release, tried: readTried(stdout, trials) };
  });
}

function scriptFailed(target: string, stderr: string): VmkitError {
  const words = stderr.trim().split('\n').at(-1) ?? '';
  return new VmkitError('boot', 'guest-command-failed', `Trying the kernel of ${target}: its shell failed: ${words}`, {
    hint: `vmkit shell ${target} opens a shell there.`,
  });
}
