import { copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import { GUEST } from '../../core/guest-paths.ts';
import type { Context } from '../../host/context.ts';
import { makeFolders } from '../../host/local/files/make-folders.ts';
import { packFolder } from '../../store/squashfs.ts';
import { loadOrder, parseModulesDep, STAGE1_MODULES } from './load-order.ts';

/** Programs of busybox that read /lib/modules; the kernel starts the first one by itself (sysctl kernel.modprobe). */
const MODULE_TOOLS = ['modprobe', 'insmod', 'lsmod', 'modinfo', 'rmmod'];

/** The folder of an artifact with the modules that stage 1 loads, named in their order: `00-failover.ko`. */
export const STAGE1_FOLDER = 'stage1-modules';
export const MODULES_IMAGE = 'modules.img';
/** Which modules there are, and which use which (modules.dep(5)). */
export const MODULES_INDEX = 'modules.dep';

export interface Folders {
  /** The artifact's. */
  readonly directory: string;
  /** For what is on the way. */
  readonly scratch: string;
}

/** The programs that unpack modules, by the end of a module's name. */
const UNPACKERS = { xz: 'xz', zst: 'zstd', gz: 'gzip' } as const;

/**
 * Makes of a folder of modules what a guest gets: `modules.img`, which lies below the guest's root, `stage1-modules/` and `modules.dep`. Nothing stays packed: a guest without
 * KVM would unpack slowly. Returns how many there are.
 */
export async function installModules(
  modules: string,
  config: string,
  { directory, scratch }: Folders,
  context: Context,
): Promise<number> {
  const release = basename(modules);
  const image = join(scratch, 'image');
  const copy = join(image, 'usr/lib/modules', release);
  makeFolders(join(image, 'usr/lib/modules'));
  context.report({ kind: 'phase', text: 'unpacks the modules' });
  await run(['cp', '-R', '-P', modules, copy], context);
  // Links to where it was compiled.
  for (const link of ['build', 'source']) await rm(join(copy, link), { force: true });
  for (const [end, program] of Object.entries(UNPACKERS)) await unpackAll(copy, end, program, context);
  await makeIndex(scratch, release, context);
  await copyFile(join(copy, MODULES_INDEX), join(directory, MODULES_INDEX));
  const dependencies = parseModulesDep(await readFile(join(copy, MODULES_INDEX), 'utf8'));
  await mkdir(join(directory, STAGE1_FOLDER));
  for (const [at, path] of loadOrder(dependencies, STAGE1_MODULES).entries()) {
    const name = `${String(at).padStart(2, '0')}-${basename(path)}`;
    await copyFile(join(copy, path), join(directory, STAGE1_FOLDER, name));
  }
  await addPrograms(image, release, config);
  context.report({ kind: 'phase', text: 'packs the modules' });
  await packFolder(image, join(directory, MODULES_IMAGE), context);
  return dependencies.size;
}

async function unpackAll(folder: string, end: string, program: string, context: Context): Promise<void> {
  const { cpus } = await context.host.facts();
  const script = 'find "$1" -name "*.ko.$2" -print0 | xargs -0 -r -n 64 -P "$4" "$3" -d -q';
  await run(['sh', '-c', script, 'sh', folder, end, program, String(cpus)], context);
  // zstd(1) keeps what it has unpacked.
  await run(['find', folder, '-name', `*.ko.${end}`, '-delete'], context);
}

/** depmod(8) looks below lib or usr/lib, by how it was built: so there are both. A module folder of a package has no index. */
async function makeIndex(scratch: string, release: string, context: Context): Promise<void> {
  const base = join(scratch, 'base');
  await mkdir(base);
  await symlink('../image/usr', join(base, 'usr'));
  await symlink('usr/lib', join(base, 'lib'));
  await run(['depmod', '-b', base, release], context);
}

/** Debian's own kmod takes the place of these where a definition asks for it. */
async function addPrograms(image: string, release: string, config: string): Promise<void> {
  makeFolders(join(image, 'usr/sbin'));
  for (const tool of MODULE_TOOLS) await symlink(GUEST.busybox, join(image, 'usr/sbin', tool));
  await mkdir(join(image, 'boot'));
  await writeFile(join(image, `boot/config-${release}`), config);
}

async function run(argv: readonly string[], context: Context): Promise<void> {
  const { exitCode, stderr } = await context.host.exec(argv, { signal: context.signal });
  if (exitCode === 0) return;
  const text = `The kernel's modules could not be prepared: ${argv[0]} failed.\n${stderr.trim().slice(-1000)}`;
  throw new VmkitError('build', 'modules-failed', text, {
    hint: 'Is the module folder whole, and is there room on the disk?',
  });
}
