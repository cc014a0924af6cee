import { VmkitError } from '../../core/errors/errors.ts';
import { postgresOf, type Suite, suiteWithPostgres } from '../../core/suite.ts';
import { withGuest } from '../../machine/guest.ts';
import type { Service } from '../../spec/service.ts';
import { upgradeScript } from '../../spec/services/postgres/postgres-upgrade.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { whileApart } from '../backup/apart.ts';
import { runStep, type VerbContext } from '../step.ts';

const WITHIN_MS = 24 * 3_600_000;
const LOGIN_MS = 60_000;
/** PostgreSQL's own settings take 128 MB for its buffers, and pg_upgrade runs beside it. */
const LEAST_MIB = 512;

export interface PostgresUpgrade {
  readonly from: number;
  readonly to: number;
  /** The release that has the older one. */
  readonly olderSuite: Suite;
}

/** What is to be done with the data of this version in a machine of this definition; undefined: nothing. Throws `upgrade-impossible`. */
export function planPostgres(from: number | undefined, spec: VmSpec): PostgresUpgrade | undefined {
  const to = postgresOf(spec.suite);
  if (from === undefined || from === to || !spec.services.some(isPostgres)) return undefined;
  const olderSuite = suiteWithPostgres(from);
  if (from < to && olderSuite !== undefined) return { from, to, olderSuite };
  const why =
    from > to
      ? `its data is of PostgreSQL ${from}, and Debian ${spec.suite} has ${to}: there is no way back`
      : `its data is of PostgreSQL ${from}, which no release of Debian has that vmkit knows`;
  throw new VmkitError('spec', 'upgrade-impossible', `${spec.name} is not upgraded: ${why}. Nothing was changed.`, {
    hint:
      from > to
        ? `Set suite in vm.yaml to a release that has PostgreSQL ${from}; or go back to a snapshot: vmkit snapshots ${spec.name}`
        : 'Dump it with its own pg_dumpall, move the folder away, boot, and load the dump.',
  });
}

const isPostgres = (service: Service): boolean => service.name === 'postgres' && service.isOwn !== true;

/**
 * A machine that has both versions and starts neither. Extensions come in both, by their names: postgresql-17-NAME is postgresql-15-NAME in the older release.
 * `spec` is cut off already. Pure.
 */
export function upgradingMachine(spec: VmSpec, { from, to, olderSuite }: PostgresUpgrade): VmSpec {
  const packages = [...spec.packages, ...spec.services.flatMap((service) => service.packages)];
  const older = packages.flatMap((name) =>
    name.startsWith(`postgresql-${to}`) ? [name.replace(`postgresql-${to}`, `postgresql-${from}`)] : [],
  );
  return {
    ...spec,
    olderSuite,
    memoryMib: Math.max(spec.memoryMib, LEAST_MIB),
    packages: [...spec.packages, ...older],
    services: spec.services.flatMap((service) =>
      service.name === 'ssh' ? [service] : isPostgres(service) ? [idle(service)] : [],
    ),
  };
}

/** Its user and its packages, and nothing that runs. */
function idle(service: Service): Service {
  return {
    ...service,
    setup: undefined,
    run: 'exec sleep infinity\n',
    ready: { check: 'true\n', everyMs: 100, withinSeconds: 60 },
    memoryMib: undefined,
    files: [],
    secrets: [],
    ports: [],
  };
}

/** Does it, on the disk of a machine in folders of its own. Throws `upgrade-failed`, with what PostgreSQL said. */
export async function upgradePostgres(spec: VmSpec, plan: PostgresUpgrade, context: VerbContext): Promise<void> {
  const { from, to } = plan;
  const title = `PostgreSQL ${from} of ${spec.name} becomes ${to}`;
  const machine = upgradingMachine(spec, plan);
  await whileApart(machine, `boot ${spec.name} with both versions of PostgreSQL`, context, () =>
    runStep(
      {
        title,
        run: (inner) =>
          withGuest(
            spec.name,
            inner,
            async (guest) => {
              const { exitCode, stderr } = await guest.exec(['sh', '-euc', upgradeScript(from, to)], {
                withinMs: WITHIN_MS,
                signal: inner.signal,
                // psql warns of each collation until its version is noted.
                onLine: (text) => {
                  if (!/^(WARNING|DETAIL|HINT|NOTICE):/.test(text)) inner.report({ kind: 'phase', text });
                },
              });
              if (exitCode === 0) return;
              throw new VmkitError(
                'boot',
                'upgrade-failed',
                `${title}: it failed.\n${stderr.trim().split('\n').slice(-40).join('\n')}`,
                { hint: 'The machine is as it was. What the lines above name is to be changed there first.' },
              );
            },
            LOGIN_MS,
          ),
      },
      context,
    ),
  );
}
