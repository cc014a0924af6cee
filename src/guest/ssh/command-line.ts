import type { Client, ClientChannel } from 'ssh2';
import { VmkitError } from '../../core/errors/errors.ts';
import { shellCommand } from '../../core/text/shell-quote.ts';

/** In bytes. dropbear refuses a longer one without a word (MAX_CMD_LEN, 9000, in its sysoptions.h); what is around it counts as well. */
const LONGEST_LINE = 8_000;
/** execve(2) takes no longer word: MAX_ARG_STRLEN, 32 pages with the zero at its end. */
const LONGEST_WORD = 32 * 4096 - 1;
/** A quarter of the stack's usual 8 MiB, for words and environment together (execve(2)), less what a guest's environment takes. */
const LONGEST_ARGUMENTS = 2 * 1024 * 1024 - 64 * 1024;
/** What the kernel needs for each word beside its bytes: the zero at its end, and where it is. */
const BYTES_A_WORD = 9;

/** Throws `command-too-long` for a command that the guest's kernel could not start. Nothing is sent. */
export function requireStartable(argv: readonly string[], name: string): void {
  const lengths = argv.map((word) => Buffer.byteLength(word));
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
  const all = lengths.reduce((sum, length) => sum + length + BYTES_A_WORD, 0);
  if (longest <= LONGEST_WORD && all <= LONGEST_ARGUMENTS) return;
  const what =
    longest > LONGEST_WORD
      ? `has an argument of ${longest} bytes, and Linux takes ${LONGEST_WORD} at most`
      : `has ${all} bytes of arguments, and Linux takes ${LONGEST_ARGUMENTS} at most`;
  throw new VmkitError('usage', 'command-too-long', `${name}: the command ${argv[0]} ${what}. Nothing was sent.`, {
    hint: `Give it as input, which may be of any length: vmkit exec ${name} -- sh -s <SCRIPT`,
  });
}

/** The line that has the guest run this command. A long one goes into a file of root's, which is gone once it was read. */
export async function commandLine(client: Client, argv: readonly string[], cwd?: string): Promise<string> {
  const command = shellCommand(argv);
  const line = cwd === undefined ? command : `cd ${shellCommand([cwd])} && ${command}`;
  if (Buffer.byteLength(line) <= LONGEST_LINE) return line;
  const file = await save(client, line);
  return `. ${file}`;
}

/** Has the guest run a line; resolves when it has begun. */
export function openChannel(client: Client, line: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.exec(line, (error, channel) => (error === undefined ? resolve(channel) : reject(error)));
  });
}

/** mktemp(1): 0600. */
async function save(client: Client, line: string): Promise<string> {
  const script = 'file=$(mktemp) && { echo "rm -f $file"; cat; } >"$file" && echo "$file"';
  const channel = await openChannel(client, script);
  let said = '';
  channel.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  channel.stderr.resume();
  const closed = new Promise<void>((resolve) => void channel.once('close', () => resolve()));
  channel.end(`${line}\n`);
  await closed;
  const file = said.trim();
  if (file === '') throw new Error('the guest has no room for the command in /tmp');
  return shellCommand([file]);
}
