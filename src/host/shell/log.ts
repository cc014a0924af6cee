import { lineSplitter } from '../../core/text/lines.ts';
import type { Host } from '../host.ts';
import { scriptFailure } from './failure.ts';
import { simpleJob } from './scripts/job.ts';
import { LOG } from './scripts/log.ts';
import type { ShellPool } from './session/shell-pool.ts';

/** A rotated log by way of a shell: each call asks for what came after a place in a file, which its inode names. */
export function shellLog(name: string, pool: ShellPool): Host['log'] {
  return (path) => {
    const splitter = lineSplitter();
    let place = ['0', '0', ''];
    async function* lines(): AsyncGenerator<string, void> {
      const title = `Reading ${path}`;
      const { status, stdout, stderr } = await pool.run({ title, script: simpleJob(LOG, [path, ...place]) });
      if (status !== '0') throw scriptFailure(name, title, { status, stdout, stderr });
      // The new place is the last line, after what the log holds.
      const at = stdout.lastIndexOf('\n', stdout.length - 2) + 1;
      place = stdout.subarray(at).toString().trim().split(' ');
      yield* splitter.take(stdout.subarray(0, Math.max(0, at - 1)));
    }
    return { lines, close: async () => undefined };
  };
}
