import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Arch } from '../../src/core/arch.ts';
import { requireExecutable } from '../../src/image/components/component-executable.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { elf } from './component-elf.ts';

async function judge(content: string | Uint8Array, arch: Arch = 'x86_64', mode = 0o755): Promise<void> {
  const path = join(await temporaryFolder(), 'forgejo');
  await writeFile(path, content, { mode });
  await requireExecutable('forgejo', path, arch);
}

describe('an executable for the guest', () => {
  it.each([
    ['a static one', elf(), 'x86_64'],
    ['a static position-independent one', elf({ type: 3 }), 'x86_64'],
    ['one that Debian can load', elf({ type: 3, interpreter: '/lib64/ld-linux-x86-64.so.2' }), 'x86_64'],
    ['one for arm64', elf({ machine: 183, interpreter: '/lib/ld-linux-aarch64.so.1' }), 'arm64'],
  ] as const)('may be %s', async (_, content, arch) => {
    await judge(content, arch);
  });

  it.each([
    ['an ELF file for arm64, the guest is x86_64', elf({ machine: 183 })],
    ['an ELF file for machine 8, the guest is x86_64', elf({ machine: 8 })],
    ['an object file', elf({ type: 1 })],
    ['an ELF file of type 4', elf({ type: 4 })],
    ['an ELF file that was cut off', elf().subarray(0, 40)],
    ['an ELF file that was cut off', elf().subarray(0, 80)],
    ['it wants the loader /lib/ld-musl-x86_64.so.1', elf({ interpreter: '/lib/ld-musl-x86_64.so.1' })],
    ['it is a script (#!/bin/sh), not an executable', '#!/bin/sh\nexec true\n'],
    ['it is a gzip archive, not an ELF executable', Buffer.from('1f8b0800', 'hex')],
    ['it is a web page, not', '<!doctype html>'],
    ['it is empty', ''],
  ])('is not: %s', async (problem, content) => {
    await expect(judge(content)).rejects.toMatchObject({
      code: 'component-unusable',
      message: expect.stringContaining(problem),
      hint: expect.stringContaining('--component forgejo=PATH'),
    });
  });

  it('is not a 32-bit one', async () => {
    const content = elf({ machine: 3 });
    content[4] = 1;
    await expect(judge(content)).rejects.toThrow('an ELF file for i386, the guest is x86_64');
  });

  it('may be executed', async () => {
    await expect(judge(elf(), 'x86_64', 0o644)).rejects.toThrow('it is not executable');
  });

  it('is there, and is a file', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'folder'));
    await expect(requireExecutable('forgejo', join(folder, 'folder'), 'x86_64')).rejects.toThrow('it is a folder');
    await expect(requireExecutable('forgejo', join(folder, 'none'), 'x86_64')).rejects.toThrow('there is no such file');
  });
});
