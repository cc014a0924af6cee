import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { runProcess } from '../../src/host/local/process/process.ts';
import { isProgram, searchPath } from '../../src/host/local/search-path.ts';
import { readKernelConfig } from '../../src/kernel/check/kernel-image.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const CONFIG = '# Linux/x86 6.12.48 Kernel Configuration\nCONFIG_X86_64=y\n# CONFIG_MODULES is not set\n';

/** An uncompressed kernel: code, the mark's name in a string, then the configuration as kernel/configs.c embeds it. */
function kernel(config: string = CONFIG): Buffer {
  const noise = Buffer.alloc(40_000, 0x90);
  return Buffer.concat([
    noise,
    Buffer.from('see IKCFG_ST for more'),
    Buffer.from('IKCFG_ST'),
    gzipSync(config),
    Buffer.from('IKCFG_ED'),
    noise,
  ]);
}

/** A bzImage by Documentation/arch/x86/boot.rst, protocol 2.15, with four setup sectors and the payload 100 bytes into the rest. */
function bzImage(payload: Uint8Array): Buffer {
  const image = Buffer.concat([Buffer.alloc(5 * 512 + 100), payload, randomBytes(100)]);
  image.write('MZ', 0);
  image.writeUInt8(4, 0x1f1);
  image.write('HdrS', 0x202);
  image.writeUInt16LE(0x20f, 0x206);
  image.writeUInt32LE(100, 0x248);
  image.writeUInt32LE(payload.length, 0x24c);
  return image;
}

function zboot(payload: Uint8Array): Buffer {
  const head = Buffer.alloc(128);
  head.write('MZ\0\0zimg', 'latin1');
  head.writeUInt32LE(128, 8);
  head.writeUInt32LE(payload.length, 12);
  return Buffer.concat([head, payload, randomBytes(64)]);
}

async function read(content: Uint8Array): Promise<string> {
  return await readKernelConfig('vmlinuz', content, contextIn(await temporaryFolder()));
}

/** What the kernel's makefile does (scripts/Makefile.lib): compresses, and appends the size of what was compressed. */
async function packed(argv: readonly string[]): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  await runProcess(argv, { input: kernel(), onOutput: (bytes) => void chunks.push(bytes) });
  const size = Buffer.alloc(4);
  size.writeUInt32LE(kernel().length);
  return Buffer.concat([...chunks, size]);
}

describe('the configuration in a file', () => {
  test.each([
    ['a .config', Buffer.from(CONFIG)],
    ['/proc/config.gz', gzipSync(CONFIG)],
    ['a raw Image, or an ELF file', kernel()],
    ['a gzipped Image', gzipSync(kernel())],
    ['a bzImage', bzImage(gzipSync(kernel()))],
    ['an EFI zboot image', zboot(gzipSync(kernel()))],
  ])('%s', async (_what, content) => {
    expect(await read(content)).toBe(CONFIG);
  });

  const compressors = [
    ['xz', '--check=crc32', '-c'],
    ['xz', '--format=lzma', '-c'],
    ['bzip2', '-c'],
    ['zstd', '-22', '--ultra', '-c'],
    ['lz4', '-l', '-9', '-c'],
    ['lzop', '-9', '-c'],
  ] as const;
  for (const argv of compressors) {
    const isHere = isProgram(argv[0], searchPath(process.env['PATH'] ?? ''));
    test.skipIf(!isHere)(`a bzImage packed by ${argv.join(' ')}, which has its size after it`, async () => {
      expect(await read(bzImage(await packed(argv)))).toBe(CONFIG);
    });
  }

  test('a missing tool is named, and what to check instead', async () => {
    const image = bzImage(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0]));
    vi.stubEnv('PATH', await temporaryFolder());
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(read(image)).rejects.toMatchObject({
      code: 'tool-missing',
      message: 'vmlinuz is packed by zstd, and there is no zstd here.',
      hint: expect.stringContaining('/boot/config-'),
    });
  });

  test.each([
    ['a kernel without IKCONFIG', bzImage(gzipSync(Buffer.alloc(10_000, 0x90))), 'packed by gzip'],
    ['a truncated image', bzImage(gzipSync(kernel())).subarray(0, 2700), 'packed by gzip'],
    ['any other file', randomBytes(5000), 'holds no kernel configuration'],
    ['an empty file', Buffer.alloc(0), 'holds no kernel configuration'],
    ['prose', Buffer.from('Dear reader,\nthis is not a configuration.\n'), 'holds no kernel configuration'],
  ])('%s is refused, with the next thing to try', async (_what, content, message) => {
    await expect(read(content)).rejects.toMatchObject({
      code: 'kernel-config-missing',
      message: expect.stringContaining(message),
      hint: expect.stringContaining('/boot/config-$(uname -r)'),
    });
  });

  test.each([
    ['damaged', Buffer.from('no gzip'), 'kernel-config-damaged'],
    ['a bomb', gzipSync(Buffer.alloc(17 * 1024 * 1024)), 'kernel-config-damaged'],
  ])('a configuration that is %s ends in an error with a name', async (_what, packed, code) => {
    const marked = Buffer.concat([
      Buffer.from('IKCFG_ST\x1f\x8b', 'latin1'),
      packed.subarray(2),
      Buffer.from('IKCFG_ED'),
    ]);
    await expect(read(marked)).rejects.toMatchObject({ code, exitCode: 4 });
    await expect(read(bzImage(gzipSync(marked)))).rejects.toMatchObject({ code });
  });

  test('a file full of marks is looked through once, not once a mark', async () => {
    await expect(read(Buffer.alloc(32 * 1024 * 1024, 'IKCFG_ST\x1f\x8b', 'latin1'))).rejects.toMatchObject({
      code: 'kernel-config-missing',
    });
  });

  test.each([['gzip'], ['xz']])('an image that unpacks to 300 MB by %s is left alone', async (tool) => {
    const folder = await temporaryFolder();
    const script = 'head -c 300000000 /dev/zero | "$1" -1 -c >"$2"';
    await runProcess(['sh', '-c', script, 'sh', tool, join(folder, 'bomb')]);
    const image = bzImage(await readFile(join(folder, 'bomb')));
    await expect(read(image)).rejects.toMatchObject({ code: 'kernel-too-large', exitCode: 4 });
  });
});
