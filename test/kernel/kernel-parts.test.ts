import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isKernelImage } from '../../src/kernel/check/ikconfig.ts';
import { findKernelParts } from '../../src/kernel/ready-made/kernel-parts.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

async function folderWith(files: readonly string[]): Promise<string> {
  const folder = await temporaryFolder();
  for (const file of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), '');
  }
  return folder;
}

describe('the parts of a kernel that somebody else built', () => {
  test.each(['usr/lib/modules', 'lib/modules'])('a folder as a package leaves it, with %s', async (modules) => {
    const folder = await folderWith(['boot/vmlinuz-6.9', 'boot/config-6.9', `${modules}/6.9/modules.order`]);
    expect(await findKernelParts(folder)).toEqual({
      image: join(folder, 'boot/vmlinuz-6.9'),
      config: join(folder, 'boot/config-6.9'),
      modules: join(folder, modules, '6.9'),
      release: '6.9',
    });
  });

  test('modules of another kernel are not its own', async () => {
    const folder = await folderWith(['boot/vmlinuz-6.9', 'lib/modules/6.8/modules.order']);
    expect(await findKernelParts(folder)).toMatchObject({ modules: undefined, config: undefined });
  });

  test('a file, with its configuration beside it or in it', async () => {
    const folder = await folderWith(['vmlinuz-6.9', 'config-6.9', 'bzImage', 'config']);
    expect(await findKernelParts(join(folder, 'vmlinuz-6.9'))).toMatchObject({ config: join(folder, 'config-6.9') });
    expect(await findKernelParts(join(folder, 'bzImage'))).toEqual({
      image: join(folder, 'bzImage'),
      config: undefined,
      modules: undefined,
      release: undefined,
    });
  });

  test.each([
    ['nothing', [], /There is no kernel at/],
    ['a folder without a kernel', ['x/readme'], /holds no kernel/],
    ['several kernels', ['x/boot/vmlinuz-1', 'x/boot/vmlinuz-2'], /several kernels: vmlinuz-1, vmlinuz-2/],
  ])('%s is refused', async (_what, files, message) => {
    const folder = await folderWith(files);
    await expect(findKernelParts(join(folder, 'x'))).rejects.toMatchObject({
      code: 'kernel-missing',
      message: expect.stringMatching(message),
    });
  });
});

test.each([
  ['a bzImage', 'HdrS', 0x202],
  ["arm64's Image", 'ARMd', 56],
  ['a vmlinux', '\x7fELF', 0],
  ['an Image that is packed', '\x28\xb5\x2f\xfd', 0],
])('%s is a kernel image, and a text is none', (_what, mark, at) => {
  const bytes = Buffer.alloc(1024, 'x');
  expect(isKernelImage(bytes)).toBe(false);
  bytes.write(mark, at, 'latin1');
  expect(isKernelImage(bytes)).toBe(true);
});
