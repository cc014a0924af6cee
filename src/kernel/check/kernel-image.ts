import { constants } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { isSystemError, VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';
import { isProgram, searchPath } from '../../host/local/search-path.ts';
import { withFreshFolder } from '../../store/fresh-folder.ts';
import { parseConfigText } from '../kconfig/config-text.ts';
import { type Compression, findIkconfig, findPayload, LONGEST_CONFIG, type Payload } from './ikconfig.ts';

/** A kernel, packed or not, in bytes: one with all that is for debuggers has 500 MB. */
export const LONGEST_KERNEL = 1024 * 1024 * 1024;
/** What is packed has nothing for debuggers in it. */
const LONGEST_UNPACKED = 256 * 1024 * 1024;

/**
 * The .config in a file: the file itself, the same compressed (/proc/config.gz), or what an image holds by IKCONFIG (raw Image, ELF,
 * bzImage, EFI zboot, each packed or not). `name` is for errors. Throws `kernel-config-missing`, `kernel-config-damaged`, `kernel-too-large`.
 */
export async function readKernelConfig(name: string, content: Uint8Array, context: Context): Promise<string> {
  const found = configIn(name, content);
  if (found !== undefined) return found;
  const payload = findPayload(content);
  if (payload === undefined) throw configMissing(`${name} holds no kernel configuration.`);
  const { unpacked, trouble } = await unpackKernel(name, payload, context);
  const inside = configIn(name, unpacked);
  if (inside !== undefined) return inside;
  throw configMissing(
    `${name} is packed by ${payload.compression}, and no kernel configuration was found inside.${trouble === '' ? '' : `\n${trouble}`}`,
  );
}

function configIn(name: string, content: Uint8Array): string | undefined {
  const ikconfig = findIkconfig(content);
  if (ikconfig !== undefined && 'text' in ikconfig) return ikconfig.text;
  if (ikconfig !== undefined) throw configDamaged(name, ikconfig.trouble);
  if (content.length > LONGEST_CONFIG || content.includes(0)) return undefined;
  const text = new TextDecoder().decode(content);
  const { lines, unreadable } = parseConfigText(text);
  return lines.length > unreadable.length ? text : undefined;
}

/** From standard input to standard output. */
const UNPACKERS: Readonly<Record<Exclude<Compression, 'gzip'>, readonly string[]>> = {
  xz: ['xz', '-dc'],
  lzma: ['xz', '--format=lzma', '-dc'],
  zstd: ['zstd', '-dc'],
  lz4: ['lz4', '-dc'],
  bzip2: ['bzip2', '-dc'],
  lzo: ['lzop', '-dc'],
};

/**
 * What a payload holds. An x86 kernel's payload ends with four bytes that are not the compressor's (its size), so that a tool
 * fails after it wrote everything: its exit code says nothing, `trouble` is what it said.
 */
export async function unpackKernel(
  name: string,
  { compression, data }: Payload,
  context: Context,
): Promise<{ unpacked: Uint8Array; trouble: string }> {
  if (compression === 'gzip') return gunzip(name, data);
  const argv = UNPACKERS[compression];
  const [tool = ''] = argv;
  if (!isProgram(tool, searchPath(process.env['PATH'] ?? ''))) throw toolMissing(name, compression, tool);
  const folder = join(context.paths.cache, 'unpacking-kernel');
  return await withFreshFolder(folder, 'the unpacking of a kernel image', context, async () => {
    const file = join(folder, 'vmlinux');
    const { exitCode, stderr } = await context.host.exec(into(file, argv), { input: data, signal: context.signal });
    const unpacked = (await context.host.read(file, LONGEST_UNPACKED)) ?? new Uint8Array();
    // A tool that leaves out zeros ends with a shorter file.
    if (exitCode === 128 + constants.signals.SIGXFSZ || unpacked.length === LONGEST_UNPACKED) throw tooLarge(name);
    return { unpacked, trouble: stderr.trim() };
  });
}

/** The same command, which writes to this file and no more than LONGEST_UNPACKED; `ulimit -f` counts 512 bytes. */
function into(file: string, argv: readonly string[]): string[] {
  const script = `ulimit -c 0; ulimit -f ${LONGEST_UNPACKED / 512}; exec >"$1"; shift; exec "$@"`;
  return ['sh', '-c', script, 'sh', file, ...argv];
}

function gunzip(name: string, data: Uint8Array): { unpacked: Uint8Array; trouble: string } {
  try {
    return { unpacked: gunzipSync(data, { maxOutputLength: LONGEST_UNPACKED }), trouble: '' };
  } catch (error) {
    if (isSystemError(error, 'ERR_BUFFER_TOO_LARGE')) throw tooLarge(name);
    return { unpacked: new Uint8Array(), trouble: String(error) };
  }
}

const HINT =
  'Only kernels with IKCONFIG hold it. Otherwise check the file that it was built with: /boot/config-$(uname -r).';

function tooLarge(name: string): VmkitError {
  const mib = LONGEST_UNPACKED / 1024 / 1024;
  return new VmkitError('build', 'kernel-too-large', `${name} unpacks to more than ${mib} MiB: no kernel does.`, {
    hint: HINT,
  });
}

function configDamaged(name: string, trouble: string): VmkitError {
  return new VmkitError('build', 'kernel-config-damaged', `The configuration in ${name} cannot be read: ${trouble}`, {
    hint: 'Is the file whole? Otherwise check the file that it was built with: /boot/config-$(uname -r).',
  });
}

function toolMissing(name: string, compression: Compression, tool: string): VmkitError {
  return new VmkitError('tool', 'tool-missing', `${name} is packed by ${compression}, and there is no ${tool} here.`, {
    hint: `Install ${tool}, or check the configuration that the kernel was built with: /boot/config-$(uname -r).`,
  });
}

function configMissing(message: string): VmkitError {
  return new VmkitError('build', 'kernel-config-missing', message, { hint: HINT });
}
