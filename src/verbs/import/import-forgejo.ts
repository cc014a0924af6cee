import { resolve } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import type { ChosenComponents } from '../../image/components/component-choice.ts';
import { secretFile } from '../../secrets/secret-store.ts';
import type { Service } from '../../spec/service.ts';
import { OWNED } from '../../spec/services/forgejo/app-ini-settings.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { cutOff, whileApart } from '../backup/apart.ts';
import { runStep, type VerbContext } from '../step.ts';
import { dataVersions } from '../upgrade/data-versions.ts';
import { replaceByCopy } from '../upgrade/replace-by-copy.ts';
import type { Arrived } from './compare.ts';
import { otherSettings, parseIni } from './dump-ini.ts';
import { fillForgejo } from './fill-forgejo.ts';
import { bytesNeeded, requireSize } from './fit-size.ts';
import { fitVersion } from './fit-version.ts';
import { type Dump, readDump } from './read-dump.ts';

export interface Imported extends Arrived {
  readonly name: string;
  /** Whose dump it was: `Forgejo 15.0.3`. */
  readonly origin: string;
  /** Settings of the old server that the definition has otherwise, `SECTION.KEY`. */
  readonly otherSettings: readonly string[];
  /** The snapshot of what was there before. */
  readonly kept: string;
}

/**
 * Takes what a Forgejo of another server had into the Forgejo of a machine that is off: accounts, repositories, issues, files. What the machine's had before is in a snapshot.
 * The dump is looked through before anything else. All is done and tried on a copy of the disk, by guests without a network. Whatever ends it, the machine is as it was,
 * or wholly has what was imported. Throws `dump-unfit`, `import-failed`, `dump-too-large`, `machine-running`.
 */
export async function importForgejo(
  spec: VmSpec,
  file: string,
  chosen: ChosenComponents,
  context: VerbContext,
): Promise<Imported> {
  const { name } = spec;
  const alone = cutOff(spec);
  const filling = fillingMachine(alone);
  const { dataDisk } = machinePaths(context.paths, name);
  const dump = await runStep(
    { title: `look at ${file}`, run: (inner) => readDump(resolve(file), { ...context, ...inner }) },
    context,
  );
  const neededBytes = bytesNeeded(dump);
  requireSize(spec, neededBytes);
  const { result, kept } = await replaceByCopy(
    spec,
    {
      command: `vmkit import forgejo ${name}`,
      snapshot: 'before an import',
      done: 'imported',
      failed: 'import-failed',
    },
    context,
    async () => fitVersion(name, (await dataVersions(dataDisk, context)).forgejo, dump.database),
    async (apart, fit) => {
      await giveSecretKey(name, dump, apart);
      const arrived = await whileApart(
        filling,
        `boot ${name} without Forgejo`,
        apart,
        () => fillForgejo(filling, dump, { ...fit, neededBytes }, apart),
        chosen,
      );
      await whileApart(alone, `boot ${name} as it will be`, apart, async () => undefined, chosen);
      return { arrived, origin: fit.origin };
    },
  );
  return { name, origin: result.origin, ...result.arrived, otherSettings: differing(dump, spec), kept };
}

/** PostgreSQL as it is, and Forgejo's executable, files and secrets without Forgejo. Throws `bad-usage` where there is none, or its database is elsewhere. Pure. */
export function fillingMachine(spec: VmSpec): VmSpec {
  const has = (name: string): boolean =>
    spec.services.some((service) => service.name === name && service.isOwn !== true);
  if (!has('forgejo') || !has('postgres')) {
    throw new VmkitError('usage', 'bad-usage', `${spec.name} has no \`use: forgejo\` with its \`use: postgres\`.`, {
      hint: 'vm/forgejo/vm.yaml is one that has. Its database can be moved to another machine afterwards, by pg_dump.',
    });
  }
  const idle = (service: Service): Service => ({
    ...service,
    run: 'exec sleep infinity\n',
    ready: { check: 'true\n', everyMs: 100, withinSeconds: 60 },
    afterReady: undefined,
    ports: [],
  });
  return {
    ...spec,
    services: spec.services.flatMap((service) =>
      service.name === 'forgejo' ? [idle(service)] : ['ssh', 'postgres'].includes(service.name) ? [service] : [],
    ),
  };
}

/** On the copy: it takes the place of the machine's own together with the disk. */
async function giveSecretKey(name: string, { secretKey }: Dump, { host, paths }: VerbContext): Promise<void> {
  await host.write(secretFile(machinePaths(paths, name), 'forgejo', 'secret-key'), `${secretKey}\n`, 0o600);
}

function differing({ ini }: Dump, { services }: VmSpec): readonly string[] {
  const own = services.find(({ name }) => name === 'forgejo')?.files[0]?.content ?? '';
  const isDecided = (path: string): boolean =>
    Object.hasOwn(OWNED, path) || /^(log|database|security\.\w+_URI)\b/.test(path);
  return otherSettings(ini, parseIni(own), isDecided);
}
