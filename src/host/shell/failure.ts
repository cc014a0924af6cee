import { VmkitError } from '../../core/errors/errors.ts';
import type { JobResult } from './session/shell.ts';

/** An error for a script that failed: `doing` starts the message, `Writing /a/b`. What the tools said tells a full disk from a foreign folder. */
export function scriptFailure(host: string, doing: string, { status, stderr }: JobResult): VmkitError {
  const said = stderr.toString().trim();
  const message = `${host}: ${doing}: ${said || `exit code ${status}`}`;
  if (/No space left on device|Disk quota exceeded/.test(said)) {
    return new VmkitError('host', 'disk-full', message, { hint: 'Make room there and try again.' });
  }
  if (/Permission denied|Read-only file system|Operation not permitted/.test(said)) {
    return new VmkitError('host', 'not-writable', message, {
      hint: 'Is the folder yours, and its file system writable?',
    });
  }
  return new VmkitError('tool', 'host-script-failed', message, { hint: 'Try the same there by hand.' });
}
