import { gunzipSync } from 'node:zlib';
import { VmkitError } from '../core/errors.ts';
import type { Context } from '../host/context.ts';
import { parseConfigText } from './config-text.ts';
import { type Compression, findIkconfig, findPayload, type Payload } from './ikconfig.ts';

/**
 * The .config in a file: the file itself, the same compressed (/proc/config.gz), or what an image holds by IKCONFIG (raw Image, ELF,
 * bzImage, EFI zboot, each packed or not). `name` is for errors. Throws `kernel-config-missing`.
 */
export async function readKernelConfig(name: string, content: Uint8Array, context: Context): Promise<string> {
  const found = configIn(content);
  if (found !== undefined) return found;
  const payload = findPayload(content);
  if (payload === undefined) throw configMissing(`${name} holds no kernel configuration.`);
  const { unpacked, trouble } = await unpack(name, payload, context);
  const inside = configIn(unpacked);
  if (inside !== undefined) return inside;
  throw configMissing(
    `${name} is packed by ${payload.compression}, and no kernel configuration was found inside.${trouble === '' ? '' : `\n${trouble}`}`,
  );
}

function configIn(content: Uint8Array): string | undefined {
  const ikconfig = findIkconfig(content);
  if (ikconfig !== undefined) return ikconfig;
  // A .config of Debian has 300 KB.
  if (content.length > 4_000_000 || content.includes(0)) return undefined;
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
async function unpack(
  name: string,
  { compression, data }: Payload,
  context: Context,
): Promise<{ unpacked: Uint8Array; trouble: string }> {
  if (compression === 'gzip') return gunzip(data);
  const argv = UNPACKERS[compression];
  const chunks: Uint8Array[] = [];
  const onOutput = (bytes: Uint8Array): void => void chunks.push(bytes);
  try {
    const { stderr } = await context.host.exec(argv, { input: data, onOutput, signal: context.signal });
    return { unpacked: Buffer.concat(chunks), trouble: stderr.trim() };
  } catch (error) {
    if (!(error instanceof VmkitError) || error.code !== 'tool-missing') throw error;
    throw new VmkitError(
      'tool',
      'tool-missing',
      `${name} is packed by ${compression}, and there is no ${argv[0]} here.`,
      {
        hint: `Install ${argv[0]}, or check the configuration that the kernel was built with: /boot/config-$(uname -r).`,
        cause: error,
      },
    );
  }
}

function gunzip(data: Uint8Array): { unpacked: Uint8Array; trouble: string } {
  try {
    return { unpacked: gunzipSync(data), trouble: '' };
  } catch (error) {
    return { unpacked: new Uint8Array(), trouble: String(error) };
  }
}

function configMissing(message: string): VmkitError {
  return new VmkitError('build', 'kernel-config-missing', message, {
    hint: 'Only kernels with IKCONFIG hold it. Otherwise check the file that it was built with: /boot/config-$(uname -r).',
  });
}
