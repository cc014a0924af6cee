import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { inEachDatabase } from '../../../src/spec/services/postgres/postgres-backup.ts';

/** `psql` as a function of the shell: it names these databases. */
const run = (databases: string, lines: string) =>
  spawnSync('sh', ['-eu'], {
    input: `psql() { ${databases}; }\n${inEachDatabase('psql', lines)}echo end\n`,
    encoding: 'utf8',
  });

test('a name may hold spaces and what a shell reads otherwise', () => {
  const { stdout } = run(String.raw`printf '%s\n' app 'my data' 'a\nb*'`, `printf '<%s>\\n' "$database"`);
  expect(stdout).toBe('<app>\n<my data>\n<a\\nb*>\nend\n');
});

test.each([
  ['PostgreSQL does not answer', 'return 2', 'true'],
  ['a line fails', 'echo app', 'false'],
])('it fails where %s', (_, databases, lines) => {
  const { status, stdout } = run(databases, lines);
  expect(status).not.toBe(0);
  expect(stdout).toBe('');
});
