import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Host } from '../host/host.ts';

/** package.json, "engines". */
const OLDEST_NODE = 20;

/** A program of vmkit's own that runs beside machines: one file of the bundle (scripts/build.mjs). */
type OwnProgram = 'network-gate' | 'network-switch';

/** The command that starts a program of ours on a host, where it is put first; undefined where the host has no Node that runs it. */
export async function ownProgram(name: OwnProgram, host: Host): Promise<readonly string[] | undefined> {
  const file = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  if (host.isHere) return [process.execPath, file];
  if (!(await hasNode(host))) return undefined;
  // Node takes it for a module by the end of its name.
  const path = join((await host.place()).paths.cache, 'programs', `${name}.mjs`);
  await host.requireOurs(path);
  await host.push(file, path);
  return ['node', path];
}

/** Whether a program of ours could run there. */
export async function hasNode(host: Host): Promise<boolean> {
  if (host.isHere) return true;
  if (!(await host.programs(['node'])).has('node')) return false;
  const { stdout } = await host.exec(['node', '--version'], { withinMs: 30_000 });
  return Number(/^v(\d+)\./.exec(stdout)?.[1] ?? 0) >= OLDEST_NODE;
}
