import { Socket } from 'node:net';
import { spawnPiped } from '../../local/process/child.ts';
import type { ShellProcess } from './shell.ts';

/** What a pipe may still hold after its writer has ended. */
const DRAIN_MS = 1_000;

/** A shell as our child: `ssh ... BOOT_COMMAND`, or `sh` itself. In its own session, so that Ctrl-C lets us clean up first. */
export function childShell(argv: readonly string[], env: Readonly<Record<string, string>> = {}): ShellProcess {
  const [file = '', ...args] = argv;
  const child = spawnPiped(file, args, { detached: true, env });
  let how: string | undefined;
  let tell: (how: string) => void = () => undefined;
  const end = (text: string): void => {
    if (how !== undefined) return;
    how = text;
    tell(how);
  };
  child.once('error', (error) => end(error.message));
  child.once('close', (code, signal) => end(describe(code, signal)));
  // Who keeps our pipes, such as ssh's master in the background, does not keep us.
  child.once('exit', (code, signal) => setTimeout(() => end(describe(code, signal)), DRAIN_MS).unref());
  return {
    input: child.stdin,
    output: child.stdout,
    errors: child.stderr,
    onEnd: (done) => {
      tell = done;
      if (how !== undefined) done(how);
    },
    destroy: () => {
      child.kill('SIGKILL');
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
    },
    hold: (isHeld) => hold(child, isHeld),
  };
}

function hold(child: ReturnType<typeof spawnPiped>, isHeld: boolean): void {
  for (const each of [child, child.stdin, child.stdout, child.stderr]) {
    if (each === child || each instanceof Socket) isHeld ? each.ref() : each.unref();
  }
}

function describe(code: number | null, signal: string | null): string {
  return code === null ? `signal ${signal}` : `exit code ${code}`;
}
