import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isSystemError, VmkitError } from '../../core/errors/errors.ts';

/** The files of a kernel that is built already. Absolute paths. */
export interface KernelParts {
  readonly image: string;
  /** The .config beside it; undefined: it must be in the image. */
  readonly config: string | undefined;
  /** The folder of its modules, `.../lib/modules/6.12.9`; undefined where it has none. */
  readonly modules: string | undefined;
  /** As `uname -r` says it, where the names of the files tell. */
  readonly release: string | undefined;
}

/**
 * The parts of a kernel. A file is a kernel without modules; its .config may lie beside it, as `config-V` beside `vmlinuz-V`. A folder is laid out as a package
 * of a distribution is (`dpkg -x`, `make dir-pkg`): boot/vmlinuz-V, boot/config-V, and lib/modules/V or usr/lib/modules/V. Throws `kernel-missing`.
 */
export async function findKernelParts(path: string): Promise<KernelParts> {
  const found = await stat(path).catch(absent);
  if (found === undefined) throw missing(`There is no kernel at ${path}.`);
  if (!found.isDirectory()) return { ...(await beside(path)), modules: undefined };
  const boot = join(path, 'boot');
  const images = (await readdir(boot).catch(absent))?.filter((name) => name.startsWith('vmlinuz-')).sort() ?? [];
  const [image, ...others] = images;
  if (image === undefined) throw missing(`${boot} holds no kernel: no file vmlinuz-V is there.`);
  if (others.length > 0) throw missing(`${boot} holds several kernels: ${images.join(', ')}.`);
  const parts = await beside(join(boot, image));
  return { ...parts, modules: await findModules(path, parts.release) };
}

async function beside(image: string): Promise<Omit<KernelParts, 'modules'>> {
  const release = /^vmlinuz-(.+)$/.exec(basename(image))?.[1];
  const config = join(dirname(image), `config-${release}`);
  const hasConfig = release !== undefined && (await stat(config).catch(absent)) !== undefined;
  return { image, config: hasConfig ? config : undefined, release };
}

async function findModules(folder: string, release = ''): Promise<string | undefined> {
  for (const above of ['usr/lib/modules', 'lib/modules']) {
    const modules = join(folder, above, release);
    if ((await stat(modules).catch(absent))?.isDirectory() === true) return modules;
  }
  return undefined;
}

function missing(message: string): VmkitError {
  return new VmkitError('usage', 'kernel-missing', message, {
    hint: 'Give a kernel image, or a folder with one boot/vmlinuz-V and its lib/modules/V, as `dpkg -x` and `make dir-pkg` leave it.',
  });
}

function absent(error: unknown): undefined {
  if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return undefined;
  throw error;
}
