import { VmkitError } from '../core/errors/errors.ts';
import type { Context } from '../host/context.ts';

/** A certificate and its private key, as PEM. */
export interface NebulaPair {
  readonly key: string;
  readonly certificate: string;
}

/**
 * Runs nebula-cert, which writes keys to files only, and prints the pair. `$1` the CA's certificate, or '' to make one; the rest is the command; the CA's key is on
 * standard input. The files are in memory (tmpfs), in a folder that nobody else may enter, and the shell removes it, also where vmkit is killed meanwhile.
 * `cat |`: nebula-cert opens its input by name, which a socket does not take.
 */
export const CERTIFY = `umask 077
folder=$(mktemp -d /dev/shm/vmkit-nebula-XXXXXX) || exit
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
cd "$folder" || exit
ca=$1
shift
if [ -n "$ca" ]; then
  printf '%s' "$ca" >ca
  set -- "$@" -ca-crt ca -ca-key /dev/stdin
fi
cat | "$@" -out-key key -out-crt crt >&2 && cat key crt
`;

const CERTIFICATE = /^-----BEGIN NEBULA CERTIFICATE/m;

/** nebula-cert on this computer, which keeps nothing of what it made. Throws `nebula-cert-failed`. */
export async function certify(
  program: string,
  args: readonly string[],
  ca: NebulaPair | undefined,
  { host, signal }: Pick<Context, 'host' | 'signal'>,
): Promise<NebulaPair> {
  const argv = ['sh', '-c', CERTIFY, 'sh', ca?.certificate ?? '', program, ...args];
  const options = { input: ca?.key ?? '', withinMs: 30_000, signal };
  const { exitCode, stdout, stderr } = await host.exec(argv, options);
  const at = stdout.search(CERTIFICATE);
  if (exitCode === 0 && at > 0) return { key: stdout.slice(0, at), certificate: stdout.slice(at) };
  const why = stderr.trim() || `it ended with ${exitCode}, and made no key with a certificate`;
  throw new VmkitError('tool', 'nebula-cert-failed', `nebula-cert ${args[0]} failed: ${why}`, {
    hint: 'Does it run on this computer? VMKIT_NEBULA_CERT=PATH gives another one.',
  });
}
