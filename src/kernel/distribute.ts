import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VmkitError } from '../core/errors/errors.ts';
import type { Context } from '../host/context.ts';
import { makeFolders } from '../host/local/files/make-folders.ts';
import { isProgram, searchPath } from '../host/local/search-path.ts';
import type { Toolchain } from './toolchain.ts';

/** Other computers that compile a part of the kernel, by distcc. Headers and preprocessing are this computer's. */
export interface Distribution {
  /** As distcc(1) takes them: HOST, HOST:PORT/JOBS, @HOST by ssh. */
  readonly hosts: readonly string[];
  /** How many compilers they run at once. */
  readonly jobs: number;
  /** Where distcc keeps its locks. */
  readonly folder: string;
}

const WITHIN_MS = 60_000;

/** Has a switch, arithmetic, a string and a static variable: compilers of two versions rarely make the same of it. */
const PROBE = `static unsigned seen[7];
const char *const names[] = { "vmkit", __VERSION__ };
unsigned probe(unsigned a, unsigned b) {
  switch (a % 7) { case 0: b *= 3; break; case 3: b ^= a >> 5; break; case 5: b = a / (b | 1); break; default: b += a; }
  for (unsigned i = 0; i < 7; i++) seen[i] += b * i + (unsigned)names[1][0];
  return seen[b % 7];
}
`;

/**
 * Asks each of these computers to compile a small file, and compares what comes back with what this computer's compiler makes of it. Throws `distribute-failed`, with the
 * computer's name: one that compiles otherwise would make another kernel under the same key.
 */
export async function askCompilers(
  hosts: readonly string[],
  toolchain: Toolchain,
  context: Context,
): Promise<Distribution | undefined> {
  if (hosts.length === 0) return undefined;
  if (!isProgram('distcc', searchPath(process.env['PATH'] ?? ''))) {
    throw failed('distcc is not installed here.', 'apt-get install distcc, here and on those computers.');
  }
  const folder = join(context.paths.cache, 'distcc');
  makeFolders(folder);
  const scratch = await mkdtemp(join(folder, 'probe-'));
  try {
    const source = join(scratch, 'probe.c');
    await writeFile(source, PROBE);
    const compile = async (output: string, argv: readonly string[], host: string): Promise<Buffer> => {
      const path = join(scratch, output);
      const { exitCode, stderr } = await context.host.exec([...argv, '-O2', '-c', source, '-o', path], {
        // What it does not do is an error, not this computer's work unseen.
        env: { ...distccEnvironment({ hosts: [host], folder }), DISTCC_FALLBACK: '0' },
        withinMs: WITHIN_MS,
        signal: context.signal,
      });
      if (exitCode !== 0) throw unreachable(host, stderr);
      return readFile(path);
    };
    const gcc = `${toolchain.crossCompile}gcc`;
    const ours = await compile('here.o', [gcc], 'localhost');
    for (const [index, host] of hosts.entries()) {
      const theirs = await compile(`${index}.o`, ['distcc', gcc], host);
      if (!theirs.equals(ours)) {
        throw failed(
          `The compiler of ${host} makes another object of the same source than ${gcc} here (${toolchain.gcc}).`,
          `Install the same version of ${gcc} there, or leave that computer out.`,
        );
      }
    }
    const { stdout } = await context.host.exec(['distcc', '-j'], { env: distccEnvironment({ hosts, folder }) });
    return { hosts, folder, jobs: Math.max(Number.parseInt(stdout, 10) || 0, hosts.length) };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * By its own name: distcc would call gcc by its full one, which then stands in the kernel as its compiler. What another computer cannot compile, such as a file that includes bytes (`.incbin`), or does not,
 * this one does.
 */
export function distccEnvironment({ hosts, folder }: Pick<Distribution, 'hosts' | 'folder'>): Record<string, string> {
  return { DISTCC_HOSTS: hosts.join(' '), DISTCC_DIR: folder, DISTCC_NO_REWRITE_CROSS: '1' };
}

function unreachable(host: string, stderr: string): VmkitError {
  const words = stderr
    .split('\n')
    .filter((line) => line.startsWith('distcc'))
    .slice(-3)
    .join('\n');
  return failed(
    `${host} did not compile a small file.\n${words === '' ? stderr.trim() : words}`,
    `distccd must run there, take this computer's address (--allow), and know the compiler (update-distcc-symlinks).`,
  );
}

function failed(message: string, hint: string): VmkitError {
  return new VmkitError('host', 'distribute-failed', `Compiling on other computers: ${message}`, { hint });
}
