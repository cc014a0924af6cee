import { VmkitError } from '../core/errors/errors.ts';
import type { Host } from './host.ts';

/**
 * A secret that a person gives in a variable of the environment: itself, `file:PATH` (a file that nobody else may read), `pass:ENTRY` (pass(1)) or
 * `secret-tool:ATTRIBUTE=VALUE` (secret-tool(1), the desktop's keyring; several with commas). Undefined where the variable is not set. `builder` is this computer.
 * Throws `secret-not-given`, `secret-file-open`.
 */
export async function readSecret(variable: string, builder: Host): Promise<string | undefined> {
  const text = process.env[variable]?.trim();
  if (text === undefined || text === '') return undefined;
  const [, kind, rest = ''] = /^(file|pass|secret-tool):(.*)$/s.exec(text) ?? [];
  if (kind === 'file') return readFile(variable, rest, builder);
  if (kind === 'pass') return askTool(variable, ['pass', 'show', rest], builder);
  if (kind === 'secret-tool') {
    const words = rest.split(',').flatMap((pair) => pair.split('='));
    return askTool(variable, ['secret-tool', 'lookup', ...words], builder);
  }
  return text;
}

async function readFile(variable: string, path: string, builder: Host): Promise<string> {
  const bytes = await builder.read(path);
  const content = bytes === undefined ? '' : Buffer.from(bytes).toString('utf8').trim();
  if (content === '') {
    throw new VmkitError('usage', 'secret-not-given', `${variable} names ${path}, which is not there or empty.`);
  }
  await requireClosed(path, `${path}, named by ${variable},`, builder);
  return content;
}

/** Throws `secret-file-open` for a file that others can read; `shown` is what it is called. */
export async function requireClosed(path: string, shown: string, host: Pick<Host, 'stat'>): Promise<void> {
  if ((((await host.stat(path))?.mode ?? 0) & 0o077) === 0) return;
  throw new VmkitError('usage', 'secret-file-open', `${shown} can be read by others.`, { hint: `chmod 600 ${path}` });
}

/** A person may have to type a passphrase at its own window. */
const ASKED_WITHIN_MS = 120_000;

/** Where the store and its keys are, and the terminal to ask at (pass(1), gpg-agent(1)). */
const TOOL_VARIABLES = ['PASSWORD_STORE_DIR', 'GNUPGHOME', 'GPG_TTY', 'DISPLAY', 'WAYLAND_DISPLAY'];

/** The first line of what it prints: pass(1) keeps notes below. */
async function askTool(variable: string, argv: readonly string[], builder: Host): Promise<string> {
  const env = Object.fromEntries(
    TOOL_VARIABLES.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const { exitCode, stdout, stderr } = await builder.exec(argv, { withinMs: ASKED_WITHIN_MS, env });
  const secret = stdout.split('\n')[0]?.trim() ?? '';
  if (exitCode === 0 && secret !== '') return secret;
  const why = stderr.trim() === '' ? 'it has no such entry' : stderr.trim();
  throw new VmkitError('usage', 'secret-not-given', `${variable} names an entry of ${argv[0]}: ${why}.`, {
    hint: `Try: ${argv.join(' ')}`,
  });
}
