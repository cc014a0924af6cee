import { describe, expect, it } from 'vitest';
import { postgres } from '../../../src/spec/services/postgres/postgres.ts';

describe('the service postgres', () => {
  it('is found by the services of its machine under the usual name, whatever its port', () => {
    expect(postgres.create({}).setup).not.toContain('ln -s');
    expect(postgres.create({ port: 5433 }).setup).toContain('ln -sfn .s.PGSQL.5433 /run/postgresql/.s.PGSQL.5432\n');
  });

  it('takes its port to every place where it belongs', () => {
    const { ready, files, ports } = postgres.create({ port: 5433 });
    expect(JSON.stringify({ ready, files, ports })).not.toContain('5432');
    expect(files[0]?.content).toContain('port = 5433\n');
  });
});
