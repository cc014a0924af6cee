import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { canonicalJson, type Json, sha256 } from '../../../core/digest.ts';
import { VmkitError } from '../../../core/errors/errors.ts';
import type { MachinePaths } from '../../../core/paths.ts';
import { parseJson } from '../../../core/text/json.ts';
import { readText } from '../../../host/read-text.ts';
import { loadVm } from '../../../spec/read/load.ts';
import type { VmSpec } from '../../../spec/vm-spec.ts';
import { readManifest } from '../../../store/manifest.ts';
import type { Assembled } from '../../build/assemble.ts';
import { keepDefinition, readingThere } from '../../definition-files.ts';
import type { VerbContext } from '../../step.ts';

const FACTS = 'set.json';
const DEFINITION = 'definition';
/** Of one that is not whole yet. */
const UNFINISHED = 'new';
const KEPT_MS = 600_000;

const setSchema = z.object({
  version: z.literal(1),
  /** Names of files in the folder of the set. */
  files: z.object({
    kernel: z.string(),
    initramfs: z.string(),
    root: z.string(),
    components: z.string().optional(),
    modules: z.string().optional(),
  }),
  kernel: z.string(),
  artifacts: z.record(z.string(), z.string()),
});

/** `$1` `copy` where a copy may take the room that a link needs not, `$2` the folder, then its files. A file that the store replaces later stays as it is here. */
const LINK = `set -e
umask 077
rm -rf -- "$2"
mkdir -p -- "$2"
how=$1 to=$2
shift 2
for file in "$@"; do cp -l -- "$file" "$to/" 2>/dev/null || { [ "$how" = copy ] && cp -- "$file" "$to/"; }; done`;

const FINISH = 'rm -rf -- "$2" && mv -- "$1" "$2" && sync';

/**
 * Which set a machine boots from: what the files of its artifacts hold, and what its definition says, however it is written. `built` are the files of the store on this computer.
 */
export async function setId(spec: VmSpec, built: Assembled['files']): Promise<string> {
  const { directory: _, rollback: __, notify: ___, ...rest } = spec;
  const definition: Json = JSON.parse(JSON.stringify(rest));
  const files = Object.values(built).flatMap((file) => (file === undefined ? [] : [file]));
  const digests = await Promise.all(
    files.map(async (file) => (await readManifest(dirname(file)))?.outputs[basename(file)]?.sha256 ?? file),
  );
  return sha256(canonicalJson({ definition, digests })).slice(0, 16);
}

/**
 * Keeps a set beside the machine, whole or not at all. `assembled` are the files on the machine's host. Where nobody asked for `rollback: auto`, a full disk or
 * another file system is no reason not to boot: nothing is kept then.
 */
export async function keepSet(
  id: string,
  spec: VmSpec,
  assembled: Assembled,
  { setsDir }: Pick<MachinePaths, 'setsDir'>,
  context: VerbContext,
): Promise<void> {
  if ((await context.host.stat(join(setsDir, id, FACTS))) !== undefined) return;
  try {
    await putSet(id, spec, assembled, setsDir, context);
  } catch (error) {
    if (spec.rollback === 'auto' || !(error instanceof VmkitError)) throw error;
    await context.host.remove(join(setsDir, UNFINISHED));
  }
}

async function putSet(
  id: string,
  spec: VmSpec,
  { files, kernel, artifacts }: Assembled,
  setsDir: string,
  context: VerbContext,
): Promise<void> {
  const { host } = context;
  const folder = join(setsDir, id);
  const unfinished = join(setsDir, UNFINISHED);
  const there = Object.entries(files).flatMap(([kind, file]) => (file === undefined ? [] : [[kind, file] as const]));
  const how = spec.rollback === 'auto' ? 'copy' : 'link';
  await run(LINK, [how, unfinished, ...there.map(([, file]) => file)], context);
  await keepDefinition(spec, join(unfinished, DEFINITION), context);
  const names = Object.fromEntries(there.map(([kind, file]) => [kind, basename(file)]));
  const facts = setSchema.parse({ version: 1, files: names, kernel, artifacts });
  await host.write(join(unfinished, FACTS), `${JSON.stringify(facts, null, 2)}\n`, 0o600);
  await run(FINISH, [unfinished, folder], context);
}

export interface KeptSet {
  readonly spec: VmSpec;
  readonly assembled: Assembled;
}

/** A set that was kept; undefined where it is not there, or its definition is none that this vmkit reads. `directory` is that of the machine's definition. */
export async function readSet(
  id: string,
  { setsDir }: Pick<MachinePaths, 'setsDir'>,
  directory: string,
  context: VerbContext,
): Promise<KeptSet | undefined> {
  const folder = join(setsDir, id);
  const set = parseJson(await readText(join(folder, FACTS), context.host), setSchema);
  if (set === undefined) return undefined;
  const at = (file: string): string => join(folder, file);
  const { files, kernel, artifacts } = set;
  const quiet = { ...readingThere(context), report: () => undefined };
  const spec = await loadVm(join(folder, DEFINITION, 'vm.yaml'), quiet).catch((error: unknown) => {
    if (error instanceof VmkitError && error.kind === 'spec') return undefined;
    throw error;
  });
  if (spec === undefined) return undefined;
  return {
    spec: { ...spec, directory },
    assembled: {
      files: {
        kernel: at(files.kernel),
        initramfs: at(files.initramfs),
        root: at(files.root),
        components: files.components === undefined ? undefined : at(files.components),
        modules: files.modules === undefined ? undefined : at(files.modules),
      },
      kernel,
      artifacts,
    },
  };
}

/** Whether there are sets beside this one. */
export async function hasOtherSets(
  id: string,
  { setsDir }: Pick<MachinePaths, 'setsDir'>,
  { host }: VerbContext,
): Promise<boolean> {
  return ((await host.list(setsDir)) ?? []).some((name) => name !== id);
}

/** Deletes all sets but this one. */
export async function forgetOtherSets(
  id: string,
  { setsDir }: Pick<MachinePaths, 'setsDir'>,
  { host }: VerbContext,
): Promise<void> {
  for (const name of (await host.list(setsDir)) ?? []) if (name !== id) await host.remove(join(setsDir, name));
}

async function run(script: string, args: readonly string[], { host }: VerbContext): Promise<void> {
  const { exitCode, stderr } = await host.exec(['sh', '-c', script, 'sh', ...args], { withinMs: KEPT_MS });
  if (exitCode !== 0)
    throw new VmkitError('host', 'not-writable', `Keeping what the machine boots from: ${stderr.trim()}`, {
      hint: 'Is there room beside the machine? Nothing was started.',
    });
}
