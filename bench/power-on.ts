import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packCpio } from '../src/image/cpio.ts';
import { time } from './measure.ts';

/** Debian's kernel for clouds, of the series that vmkit builds, from trixie; kept for later runs. */
export async function cloudKernel(cache: string): Promise<string> {
  return fetched(cache, 'bench-cloud-kernel', 'linux-image-cloud-amd64', async (root) => {
    const name = (await readdir(join(root, 'boot'))).find((file) => file.startsWith('vmlinuz-'));
    return join(root, 'boot', name ?? 'vmlinuz');
  });
}

/** An initramfs whose only program says that it runs, and powers off. */
export async function initrdWithMarker(cache: string): Promise<string> {
  const busybox = await busyboxFor(cache);
  const init = '#!/bin/busybox sh\necho bench-init >/dev/console\nexec /bin/busybox poweroff -f\n';
  const path = join(cache, 'bench-initrd.cpio');
  const archive = packCpio([
    { kind: 'file', path: 'init', mode: 0o755, content: init },
    { kind: 'file', path: 'bin/busybox', mode: 0o755, content: await readFile(busybox) },
    { kind: 'device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
  ]);
  await writeFile(path, archive);
  return path;
}

/** A busybox that needs no library. */
export function busyboxFor(cache: string): Promise<string> {
  return fetched(cache, 'bench-busybox', 'busybox-static', async (root) => join(root, 'usr/bin/busybox'));
}

async function fetched(
  cache: string,
  name: string,
  debianPackage: string,
  pick: (root: string) => Promise<string>,
): Promise<string> {
  const path = join(cache, name);
  if (await stat(path).catch(() => undefined)) return path;
  const root = await mkdtemp(join(tmpdir(), 'vmkit-bench-'));
  try {
    await mkdir(cache, { recursive: true });
    await time(['mmdebstrap', '--variant=extract', `--include=${debianPackage}`, 'trixie', root]);
    await writeFile(path, await readFile(await pick(root)), { mode: 0o755 });
    return path;
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
