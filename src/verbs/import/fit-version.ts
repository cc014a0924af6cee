import { VmkitError } from '../../core/errors/errors.ts';
import type { DumpedDatabase } from './dump-sql.ts';

/** Gitea → the first Forgejo that takes its data, and the schema it ends with; Forgejo 10 is the last (forgejo.org, "Gitea 1.22 is the last version", December 2024). */
const GITEA_21 = { schema: 280, from: 7 };
const GITEA_22 = { schema: 299, from: 8 };
const LAST_FOR_GITEA = 10;

/** Whether data of a dump is for the Forgejo of a machine. */
export interface Fit {
  /** For people: `Forgejo 15.0.3`, `Gitea`. */
  readonly origin: string;
  /** Whether the machine's own notes of migrations hold for the dump: it has none. */
  readonly keepsMigrations: boolean;
}

/**
 * A dump lacks the notes of which migrations were done, so Forgejo would take all as done: it is for the series that wrote it, such as 15.0, alone. `vmkit upgrade` migrates
 * from there. `has` is the version that the machine's data is of; undefined: none was ready yet. Throws `dump-unfit`. Pure.
 */
export function fitVersion(name: string, has: string | undefined, { release, schema = 0 }: DumpedDatabase): Fit {
  if (has === undefined) {
    throw new VmkitError(
      'usage',
      'dump-unfit',
      `Forgejo was never ready in ${name}, so it is not known which one it has.`,
      {
        hint: `vmkit boot ${name}, then vmkit stop ${name}, then import.`,
      },
    );
  }
  return release === undefined ? fitGitea(name, has, schema) : fitForgejo(name, has, release);
}

function fitForgejo(name: string, has: string, release: string): Fit {
  if (series(release) === series(has)) return { origin: `Forgejo ${release}`, keepsMigrations: true };
  const isNewer = ordinal(release) > ordinal(has);
  throw new VmkitError(
    'usage',
    'dump-unfit',
    `The dump is of Forgejo ${release}, and ${name} has ${isNewer ? 'the older' : 'the newer'} ${has}. A dump does not say which migrations were done, so only ${series(release)} takes it. Nothing was changed.`,
    {
      hint: isNewer
        ? `vmkit upgrade ${name} with version: "${release}" in vm.yaml, then import.`
        : `In a new machine: version: "${release}" in vm.yaml, boot, stop, import. Then take version away, and vmkit upgrade migrates it.`,
    },
  );
}

function fitGitea(name: string, has: string, schema: number): Fit {
  const major = Number(has.split('.')[0]);
  const known = [GITEA_21, GITEA_22].find((each) => schema <= each.schema);
  if (schema > 0 && known !== undefined && major >= known.from && major <= LAST_FOR_GITEA) {
    return { origin: `Gitea (schema ${schema})`, keepsMigrations: false };
  }
  const hint =
    known === undefined
      ? 'Gitea 1.22 is the last one whose data Forgejo takes. Newer repositories are moved one by one: New Migration, in Forgejo.'
      : `In a new machine: a version: "${LAST_FOR_GITEA}.0.…" in vm.yaml, boot, stop, import. Then take version away, and vmkit upgrade migrates it.`;
  throw new VmkitError(
    'usage',
    'dump-unfit',
    `The dump is of Gitea (schema ${schema}), and ${name} has Forgejo ${has}. Data of Gitea up to 1.22 is for Forgejo ${GITEA_22.from} to ${LAST_FOR_GITEA}. Nothing was changed.`,
    { hint },
  );
}

/** `15.0` of `15.0.3`. */
function series(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

function ordinal(version: string): number {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major * 10_000 + minor;
}
