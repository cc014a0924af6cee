import type { ChosenComponents } from '../../image/components/component-choice.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { cutOff, whileApart } from '../backup/apart.ts';
import type { VerbContext } from '../step.ts';
import { dataVersions } from './data-versions.ts';
import { planPostgres, upgradePostgres } from './postgres.ts';
import { replaceByCopy } from './replace-by-copy.ts';

export interface Upgraded {
  readonly name: string;
  /** Major versions; undefined where PostgreSQL's data was of the right one. */
  readonly postgres: { readonly from: number; readonly to: number } | undefined;
  /** Services that became ready on the upgraded disk. */
  readonly services: readonly string[];
  /** The snapshot of what was there before. */
  readonly kept: string;
}

/**
 * Brings the data of a machine that is off to what its definition has now. All is done and tried on a copy of its disk, by guests without a network: PostgreSQL's
 * cluster is upgraded, then every service starts until it is ready, and migrates what is its own. Whatever ends it, the machine is as it was, or wholly upgraded.
 * Throws `upgrade-impossible`, `upgrade-failed`, `machine-running`.
 */
export async function upgradeMachine(spec: VmSpec, chosen: ChosenComponents, context: VerbContext): Promise<Upgraded> {
  const { name } = spec;
  const alone = cutOff(spec);
  const tried = withoutGuards(alone);
  const { result: plan, kept } = await replaceByCopy(
    spec,
    { command: `vmkit upgrade ${name}`, snapshot: 'before an upgrade', done: 'upgraded', failed: 'upgrade-failed' },
    context,
    async ({ paths }) => planPostgres((await dataVersions(paths.dataDisk, context)).postgres, spec),
    async (apart, plan) => {
      if (plan !== undefined) await upgradePostgres(alone, plan, apart);
      await whileApart(tried, `boot ${name} as it will be`, apart, async () => undefined, chosen);
      return plan;
    },
  );
  return { name, postgres: plan, services: tried.services.map((service) => service.name), kept };
}

/** What refuses data of an older version is what an upgrade is for. */
function withoutGuards(spec: VmSpec): VmSpec {
  return { ...spec, services: spec.services.map((service) => ({ ...service, guard: undefined })) };
}
