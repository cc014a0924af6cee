import { join } from 'node:path';
import * as z from 'zod';
import type { Arch } from '../../../core/arch.ts';
import { sha256 } from '../../../core/digest.ts';
import { parseJson } from '../../../core/text/json.ts';
import type { Context } from '../../../host/context.ts';
import { toolVersion } from '../../../host/tools/tool-version.ts';
import type { VmmFacts } from '../vmm-facts.ts';
import { qemuBinary, SANDBOX } from './argv.ts';

const factsSchema = z.object({ version: z.string(), hasSandbox: z.boolean() });

/** Asks the binary, never guesses. Kept in the cache per version, since the second question costs a tenth of a second. */
export async function qemuFacts(arch: Arch, context: Context): Promise<VmmFacts> {
  const binary = qemuBinary(arch);
  const version = await toolVersion(binary, context);
  const cacheFile = join(context.paths.cache, 'qemu', `${sha256(`${binary}\n${version}`).slice(0, 16)}.json`);
  const known = parseJson(await context.host.readOurs(cacheFile), factsSchema);
  if (known !== undefined) return known;
  // A machine without a board, told to end at once: fails where seccomp was left out of the build.
  const tried = await context.host.exec(
    [binary, ...['-machine', 'none', '-nodefaults', '-display', 'none', '-sandbox', SANDBOX, '-qmp', 'stdio']],
    { input: '{"execute":"qmp_capabilities"}{"execute":"quit"}', withinMs: 10_000 },
  );
  const facts = { version, hasSandbox: tried.exitCode === 0 };
  await context.host.write(cacheFile, `${JSON.stringify(facts)}\n`);
  return facts;
}
