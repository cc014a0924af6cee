import { basename, dirname, join } from 'node:path';
import type { Context } from '../../host/context.ts';
import { readManifest } from '../../store/manifest.ts';
import { runStep, type VerbContext } from '../step.ts';
import type { Assembled } from './assemble.ts';

type Files = Assembled['files'];

/**
 * The files of a machine on the host where it runs: on another host they are sent to a folder where each is named by its SHA-256. What is there is
 * not sent again, and what was cut off goes on where it was. `files` are those of the store on this computer.
 */
export async function placeFiles(name: string, files: Files, context: VerbContext): Promise<Files> {
  if (context.host.isHere) return files;
  return runStep(
    {
      title: `files of ${name} on ${context.host.name}`,
      run: async (inner) => {
        const placed = { ...files, kernel: await placeFile(files.kernel, inner) };
        placed.initramfs = await placeFile(files.initramfs, inner);
        placed.root = await placeFile(files.root, inner);
        if (files.modules !== undefined) placed.modules = await placeFile(files.modules, inner);
        if (files.components !== undefined) placed.components = await placeFile(files.components, inner);
        return placed;
      },
    },
    context,
  );
}

/** A name is taken only by what was compared with its digest (Host.push), so name and size say that a file is there. */
export async function placeFile(file: string, { host, paths, report, signal }: Context): Promise<string> {
  const output = (await readManifest(dirname(file)))?.outputs[basename(file)];
  if (output === undefined) throw new TypeError(`${file} is no file of an artifact.`);
  const { bytes, sha256 } = output;
  const path = join(paths.cache, 'files', sha256);
  await host.requireOurs(path);
  if ((await host.stat(path))?.bytes === bytes) return path;
  await host.push(file, path, {
    signal,
    onProgress: (done, total) =>
      report({ kind: 'phase', text: `sends ${basename(file)}: ${megabytes(done)} of ${megabytes(total)} MB` }),
  });
  return path;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
