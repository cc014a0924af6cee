import { VmkitError } from '../../core/errors/errors.ts';
import { parseCounts } from '../backup/counts.ts';

/** What is in the machine now. */
export interface Arrived {
  readonly users: number;
  readonly repositories: number;
  /** Names of those who may do all, ten at most. */
  readonly administrators: readonly string[];
  /** How many repositories and wikis git looked through within a quarter of an hour, and how many it did not come to. */
  readonly looked: number;
  readonly left: number;
  /** Repositories that git fsck finds fault with. They came as they were. */
  readonly damaged: readonly string[];
}

/** What is named of what differs. */
const NAMED = 10;

/** Each table of the dump with its rows against what PostgreSQL counts, `forgejo.SCHEMA.TABLE ROWS` a line. Throws `import-failed`. Pure. */
export function compareRows(dumped: ReadonlyMap<string, number>, counted: string): void {
  const there = new Map(parseCounts(counted).map(([path, rows]) => [path.split('.').slice(2).join('.'), rows]));
  const wrong = [...dumped].flatMap(([table, rows]) =>
    there.get(table) === rows
      ? []
      : [`${table}: ${rows} rows in the dump, ${there.get(table) ?? 'no table'} in the database`],
  );
  if (wrong.length > 0) throw failed(wrong, 'The database is not what the dump has');
}

/** What `lookAtForgejo` prints, against the dump. Throws `import-failed`. Pure. */
export function readLook(printed: string, dumped: ReadonlyMap<string, number>): Arrived {
  const all = (word: string): string[] =>
    printed.split('\n').flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []));
  const missing = all('missing');
  if (missing.length > 0) {
    throw failed(
      missing,
      'Repositories of the database are not in the dump',
      'On the old server, Site administration: delete all repositories missing their Git files; then make another dump.',
    );
  }
  const [users = -1] = all('users').map(Number);
  const [repositories = -1] = all('repositories').map(Number);
  const [looked = 0] = all('looked').map(Number);
  const [left = 0] = all('left').map(Number);
  const wanted = dumped.get('repository') ?? 0;
  if (repositories !== wanted || users < 0) {
    throw failed(
      [`repository: ${wanted} in the dump, ${repositories} now`],
      'The migrated database is not what the dump has',
    );
  }
  return { users, repositories, administrators: all('administrator'), looked, left, damaged: all('damaged') };
}

function failed(lines: readonly string[], what: string, hint = 'The machine is as it was.'): VmkitError {
  const more = lines.length > NAMED ? [`and ${lines.length - NAMED} more`] : [];
  return new VmkitError('boot', 'import-failed', `${what}:\n${[...lines.slice(0, NAMED), ...more].join('\n')}`, {
    hint,
  });
}
