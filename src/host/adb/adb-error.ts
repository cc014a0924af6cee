import { VmkitError } from '../../core/errors/errors.ts';
import type { ExplainEnd } from '../shell/session/shell.ts';

/** Why a shell on a phone ended before it was asked to. */
export function explainAdbEnd(url: string, { how, noise, hasStarted, title }: Parameters<ExplainEnd>[0]): VmkitError {
  const said = noise.trim().split('\n').slice(-4).join('\n').trim();
  if (hasStarted || !how.startsWith('exit code')) {
    return new VmkitError(
      'unreachable',
      'adb-connection-lost',
      `${url}: the connection was lost during ${title}: ${said || how}`,
      {
        hint: 'Whether it was done there is not known. Run the same again: vmkit connects by itself.',
      },
    );
  }
  return new VmkitError(
    'unreachable',
    'adb-no-shell',
    `${url}: adb works, but no POSIX shell runs there: ${said || how}`,
    {
      hint: 'adb shell true must work. Is the phone in recovery?',
    },
  );
}

/** Why root, which was asked for, is not to be had. `isLocked`: nobody has unlocked the phone since it started. */
export function noRoot(
  url: string,
  said: string,
  { hasSu, isLocked }: { hasSu: boolean; isLocked: boolean },
): VmkitError {
  const shell = `--host ${url.replace(/^adb:(root@)?/, 'adb:shell@')} goes on without root`;
  if (isLocked) {
    return new VmkitError(
      'unreachable',
      'adb-locked',
      `${url}: su does not answer, and the phone was not unlocked since it started: ${said}`,
      {
        hint: `Unlock it once: the app that grants root cannot ask before. ${shell}.`,
      },
    );
  }
  if (!hasSu) {
    return new VmkitError('unreachable', 'adb-no-su', `${url}: there is no su for adb's shell, so no root.`, {
      hint: `Is the phone rooted? KernelSU and APatch show su only to whom they grant it: grant it to the app Shell. ${shell}.`,
    });
  }
  return new VmkitError('unreachable', 'adb-su-denied', `${url}: su gives adb's shell no root: ${said}`, {
    hint: `Grant it to the app Shell, in the superuser list of Magisk or KernelSU; the phone may be asking on its screen. ${shell}.`,
  });
}
