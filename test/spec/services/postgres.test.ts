import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { postgres } from '../../../src/spec/services/postgres/postgres.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

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

  it('listens where the ports of the host arrive, and lets in whoever brings them, and no address stands in the image', async () => {
    const { setup, files } = postgres.create({ databases: [{ name: 'app', owner: 'app' }], host: 5432 });
    expect(JSON.stringify(files)).not.toMatch(/\d+\.\d+\.\d+\.\d+/);
    const own = await temporaryFolder();
    await mkdir(join(own, 'postgres'));
    await writeFile(join(own, 'host-ports'), '192.168.100.2 192.168.100.1\n');
    for (const { path, content } of files) await writeFile(join(own, 'postgres', basename(path)), String(content));
    const [script = ''] = /read -r address.*\n.*sed -i .*\n/.exec(setup ?? '') ?? [];
    const here = script.replaceAll('/run/vmkit/busybox ', '').replaceAll('/run/vmkit/', `${own}/`);
    // Each start of the service runs it.
    for (let starts = 0; starts < 2; starts += 1) execFileSync('sh', ['-euc', here]);
    const read = (name: string) => readFile(join(own, 'postgres', name), 'utf8');
    expect(await read('postgresql.conf')).toContain("listen_addresses = '192.168.100.2'\n");
    expect(await read('pg_hba.conf')).toContain('host  app  app  192.168.100.1/32  scram-sha-256\n');
  });
});
