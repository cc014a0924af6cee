import { chmod, cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import { resolvePaths } from '../../../src/core/paths.ts';
import { busyboxArtifact } from '../../../src/image/busybox.ts';
import { ensureArtifact } from '../../../src/store/store.ts';
import { contextIn } from '../context.ts';
import type { ScratchRoot } from './ordinary-user.ts';

/** What is missing there, beside all that busybox lacks: git, bash, python, systemd. */
const NOT_THERE = ['tar', 'gzip', 'gunzip', 'zcat', 'unzip', 'xz', 'unxz'];

/**
 * A system that has busybox and nothing else, in a folder: no C library where others have theirs, so that only static executables run, and neither tar nor gzip. Node has
 * a loader and libraries of its own in /opt/node. `program` is the bundled vmkit, with its folder.
 */
export async function scratchRoot(folder: string, program: string): Promise<ScratchRoot> {
  await rm(folder, { recursive: true, force: true });
  for (const name of ['bin', 'proc', 'dev', 'tmp', 'etc', 'opt/node'])
    await mkdir(join(folder, name), { recursive: true });
  await chmod(join(folder, 'tmp'), 0o1777);
  for (const name of ['null', 'zero', 'random', 'urandom']) await writeFile(join(folder, 'dev', name), '');
  await writeFile(join(folder, 'etc', 'hosts'), '127.0.0.1 localhost\n');
  await installBusybox(join(folder, 'bin'));
  await cp(dirname(program), join(folder, 'opt', 'vmkit'), { recursive: true });
  const start = await installNode(join(folder, 'opt', 'node'));
  // Alpine's busybox has it, Debian's has not.
  await writeFile(join(folder, 'bin', 'flock'), `#!/bin/sh\nexec ${start.join(' ')} /opt/node/flock "$@"\n`, {
    mode: 0o755,
  });
  return {
    folder,
    node: [...start, '/opt/node/node'],
    program: `/opt/vmkit/${basename(program)}`,
  };
}

async function installBusybox(bin: string): Promise<void> {
  const base = contextIn(bin);
  const context = { ...base, paths: { ...base.paths, cache: resolvePaths().cache } };
  const { directory } = await ensureArtifact(busyboxArtifact(process.arch === 'arm64' ? 'arm64' : 'x86_64'), context);
  await cp(join(directory, 'busybox'), join(bin, 'busybox'));
  const { stdout } = await execa(join(bin, 'busybox'), ['--list']);
  const applets = stdout.split('\n').filter((name) => !NOT_THERE.includes(name) && name !== 'busybox');
  for (const name of applets) await symlink('busybox', join(bin, name));
}

/** Returns the start of an argv there, for a program in that folder. */
async function installNode(folder: string): Promise<readonly string[]> {
  await cp(process.execPath, join(folder, 'node'));
  await cp((await execa('sh', ['-c', 'command -v flock'])).stdout, join(folder, 'flock'));
  const { stdout } = await execa('ldd', [process.execPath]);
  const paths = stdout.split('\n').flatMap((line) => /(\/\S+) \(0x/.exec(line)?.slice(1) ?? []);
  for (const path of paths) await cp(path, join(folder, basename(path)), { dereference: true });
  const loader = paths.map((path) => basename(path)).find((name) => name.startsWith('ld-'));
  return [`/opt/node/${loader}`, '--library-path', '/opt/node'];
}
