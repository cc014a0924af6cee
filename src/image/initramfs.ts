import { join } from 'node:path';
import { sha256 } from '../core/digest.ts';
import type { Tree } from '../core/tree.ts';
import type { Artifact, Built } from '../store/artifact.ts';
import { packCpio } from './cpio.ts';

/**
 * The initramfs: busybox at /bin/busybox and the generated files of the guest. Output: `initramfs.cpio`, not compressed, because
 * it is small and a guest without KVM unpacks slowly.
 */
export function initramfsArtifact(title: string, guestTree: Tree, busybox: Built): Artifact {
  return {
    kind: 'initramfs',
    title: `initramfs of ${title}`,
    inputs: { recipe: 1, busybox: busybox.key, tree: sha256(packCpio(guestTree)) },
    build: async (directory, { host }) => {
      const content = await host.read(join(busybox.directory, 'busybox'));
      if (content === undefined) throw new TypeError(`The artifact ${busybox.directory} holds no busybox.`);
      const archive = packCpio([{ kind: 'file', path: 'bin/busybox', mode: 0o755, content }, ...guestTree]);
      await host.write(join(directory, 'initramfs.cpio'), archive);
      return { files: guestTree.length + 1 };
    },
  };
}
