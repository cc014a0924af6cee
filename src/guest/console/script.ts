import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { announce } from '../../core/announce.ts';
import { throwIfInterrupted } from '../../core/deadline.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Host } from '../../host/host.ts';

/** A terminal's line may have 4096 bytes, its end included (termios(3), canonical mode). */
const LINE = 1_000;
const WAKE_MS = 2_000;
/** What the console may say until the script is over, in bytes: its own answer is far shorter. */
const LONGEST_ANSWER = 8 * 1024 * 1024;

/**
 * Runs a script by the root shell on a guest's serial console and returns what it printed: the way in when the network is not. Script and output travel as base64,
 * so that the terminal changes neither; what the guest prints meanwhile is left out. Throws `no-console` when the shell does not answer in time, as when a person is
 * attached to it.
 */
export async function runOnConsole(
  socketPath: string,
  script: string,
  host: Pick<Host, 'open'>,
  { name, withinMs, signal }: { readonly name: string; readonly withinMs: number; readonly signal: AbortSignal },
): Promise<string> {
  throwIfInterrupted(signal);
  announce(['sh', '-c', script], `console of ${name}`);
  const mark = randomBytes(8).toString('hex');
  const socket = await host.open({ unix: socketPath });
  try {
    const printed = await converse(socket, consoleLines(script, mark), mark, { withinMs, signal });
    return readConsole(printed, mark);
  } finally {
    socket.on('error', () => undefined);
    socket.end('exit\n', () => socket.destroy());
  }
}

/**
 * What is typed, line by line; each is answered by `MARK-N`, its place, before the next is sent: a terminal keeps 4096 bytes that nobody has read yet and loses
 * the rest (linux: drivers/tty/n_tty.c, N_TTY_BUF_SIZE). The first wakes the shell. Marks are in two halves: the terminal may still echo.
 */
export function consoleLines(script: string, mark: string): string[] {
  const text = Buffer.from(script).toString('base64');
  const chunks = text.match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [];
  const lines = [
    '\nstty -echo; s=',
    ...chunks.map((chunk) => `s="\${s}${chunk}"`),
    `echo begin-""${mark}; echo "$s" | base64 -d | sh 2>&1 | base64; echo end-""${mark}`,
  ];
  return lines.map((line, at) => `${line}; echo ${mark}""-${at}.\n`);
}

/** What the script printed, out of all that the console said. */
export function readConsole(printed: string, mark: string): string {
  const [, after = ''] = printed.split(`begin-${mark}`);
  const [text = ''] = after.split(`end-${mark}`);
  const lines = text.split(/\r?\n/).filter((line) => /^[A-Za-z0-9+/]+={0,2}$/.test(line));
  return Buffer.from(lines.join(''), 'base64').toString('utf8');
}

async function converse(
  socket: Duplex,
  lines: readonly string[],
  mark: string,
  { withinMs, signal }: { readonly withinMs: number; readonly signal: AbortSignal },
): Promise<string> {
  let printed = '';
  let at = 0;
  // Said again until it is answered: what is typed while the shell starts may be lost. It comes before all that follows, whenever it is read.
  const wake = (): void => void (at === 0 && socket.write(lines[0] ?? ''));
  const timers: NodeJS.Timeout[] = [setInterval(wake, WAKE_MS)];
  return new Promise<string>((resolve, reject) => {
    const late = (): void =>
      reject(
        new VmkitError('boot', 'no-console', 'The shell on the console did not answer.', {
          hint: 'Is somebody attached to it (vmkit console)? It serves one at a time.',
        }),
      );
    const tooLoud = (): void =>
      reject(
        new VmkitError('boot', 'no-console', 'So much is printed on the console that its shell was not heard.', {
          hint: 'Who prints there? vmkit logs <vm>',
        }),
      );
    timers.push(setTimeout(late, withinMs));
    signal.addEventListener('abort', late, { once: true });
    socket.once('error', reject);
    socket.once('end', late);
    socket.once('close', late);
    socket.on('data', (data) => {
      const from = Math.max(0, printed.length - mark.length - 10);
      printed += data.toString('latin1');
      if (printed.length > LONGEST_ANSWER) return tooLoud();
      if (!printed.includes(`${mark}-${at}.`, from)) return;
      at += 1;
      const line = lines[at];
      if (line === undefined) resolve(printed);
      else socket.write(line);
    });
    wake();
  }).finally(() => timers.forEach(clearTimeout));
}
