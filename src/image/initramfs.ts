import { join } from 'node:path';
import { sha256 } from '../core/digest.ts';
import type { Tree, TreeEntry } from '../core/tree.ts';
import type { Artifact, Built } from '../store/artifact.ts';
import { packCpio } from './cpio.ts';

/** A module that stage 1 loads. */
export interface Stage1Module {
  /** Tells its place in the order: `00-failover.ko`. */
  readonly name: string;
  readonly path: string;
  readonly sha256: string;
}

/**
 * The initramfs: busybox at /bin/busybox, the generated files of the guest, and /modules where its kernel has modules. Output: `initramfs.cpio`, not
 * compressed, because it is small and a guest without KVM unpacks slowly.
 */
export function initramfsArtifact(
  title: string,
  guestTree: Tree,
  busybox: Built,
  modules: readonly Stage1Module[] | undefined,
): Artifact {
  return {
    kind: 'initramfs',
    title: `initramfs of ${title}`,
    inputs: {
      recipe: 1,
      busybox: busybox.key,
      tree: sha256(packCpio(guestTree)),
      ...(modules === undefined ? {} : { modules: modules.map(({ name, sha256 }) => [name, sha256]) }),
    },
    build: async (directory, { host }) => {
      const file = async (path: string, mode: number, from: string): Promise<TreeEntry> => {
        const content = await host.read(from);
        if (content === undefined) throw new TypeError(`${from} is gone.`);
        return { kind: 'file', path, mode, content };
      };
      const tree = [
        await file('bin/busybox', 0o755, join(busybox.directory, 'busybox')),
        ...guestTree,
        ...(modules === undefined ? [] : [{ kind: 'directory', path: 'modules', mode: 0o755 } as const]),
        ...(await Promise.all((modules ?? []).map(({ name, path }) => file(`modules/${name}`, 0o644, path)))),
      ];
      await host.write(join(directory, 'initramfs.cpio'), packCpio(tree));
      return { files: tree.length };
    },
  };
}
