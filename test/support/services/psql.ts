/** Words of vmkit that run psql in the machine `sql`, as the database's administrator, with nothing but rows in its answer. */
export function psqlWords(...args: readonly string[]): string[] {
  const psql = ['psql', '-h', '/run/postgresql', '-d', 'app', '-qAtX', ...args];
  return ['exec', 'sql', '--', 's6-setuidgid', 'postgres', ...psql];
}
