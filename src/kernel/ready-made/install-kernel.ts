import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Arch } from '../../core/arch.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';
import { findPayload, isElf, isKernelImage } from '../check/ikconfig.ts';
import { judgeConfig } from '../check/judge.ts';
import { LONGEST_KERNEL, readKernelConfig, unpackKernel } from '../check/kernel-image.ts';
import { type Folders, installModules } from './install-modules.ts';
import type { KernelParts } from './kernel-parts.ts';

/** Raised when the way of installing changes the output. */
export const READY_MADE_RECIPE = 2;

/** For the manifest. A type, not an interface: only those are JSON by their index. */
export type ReadyMadeFacts = {
  /** As `uname -r` says it, as far as it is known. */
  readonly release: string;
  readonly modules: number;
};

/**
 * Makes of a kernel that somebody else built the same outputs that vmkit's own has (`kernel`, `config`, for x86_64 `vmlinux`), and `modules.img` and
 * `stage1-modules/` where it has modules. Throws `kernel-unfit` for one of another architecture.
 */
export async function installKernel(
  parts: KernelParts,
  arch: Arch,
  folders: Folders,
  context: Context,
): Promise<ReadyMadeFacts> {
  const { directory } = folders;
  const image = await read(parts.image, context);
  if (!isKernelImage(image)) {
    throw new VmkitError('usage', 'kernel-missing', `${parts.image} is no kernel image.`, {
      hint: 'Give a bzImage, an Image or a vmlinux, or the folder of a package.',
    });
  }
  const { config: beside } = parts;
  const config = await readKernelConfig(
    beside ?? parts.image,
    beside === undefined ? image : await read(beside, context),
    context,
  );
  const known = judgeConfig(config, []);
  if (known.arch !== arch) {
    const text = `${parts.image} is a kernel for ${known.arch ?? 'another processor'}, and the machine is ${arch}.`;
    throw new VmkitError('usage', 'kernel-unfit', text, { hint: `Give one for ${arch}, or take --kernel debian.` });
  }
  await writeFile(join(directory, 'config'), config);
  if (arch === 'arm64')
    await writeFile(join(directory, 'kernel'), (await unpacked(parts.image, image, context)) ?? image);
  else await installX86(parts.image, image, config, directory, context);
  const modules = parts.modules === undefined ? 0 : await installModules(parts.modules, config, folders, context);
  return { release: parts.release ?? known.version ?? 'unknown', modules };
}

/** QEMU enters the ELF file by PVH, without real mode and decompression, where the kernel can do that. */
async function installX86(
  name: string,
  image: Uint8Array,
  config: string,
  directory: string,
  context: Context,
): Promise<void> {
  await copyFile(name, join(directory, 'kernel'));
  if (!/^CONFIG_PVH=y$/m.test(config)) return;
  const elf = isElf(image) ? image : await unpacked(name, image, context);
  if (elf !== undefined && isElf(elf)) await writeFile(join(directory, 'vmlinux'), elf);
}

async function unpacked(name: string, image: Uint8Array, context: Context): Promise<Uint8Array | undefined> {
  const payload = findPayload(image);
  return payload === undefined ? undefined : (await unpackKernel(name, payload, context)).unpacked;
}

async function read(path: string, { host }: Context): Promise<Uint8Array> {
  const content = await host.read(path, LONGEST_KERNEL);
  if (content !== undefined) return content;
  throw new VmkitError('usage', 'kernel-missing', `${path} was there and is gone.`, { hint: 'Try again.' });
}
