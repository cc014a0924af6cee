import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { machinePaths } from '../../src/core/paths.ts';
import { ensureSecrets } from '../../src/secrets/secret-store.ts';
import { renderSecrets } from '../../src/spec/secrets.ts';
import { forgejo } from '../../src/spec/services/forgejo/forgejo.ts';
import { followAddress } from '../../src/verbs/reach/follow-address.ts';
import { contextIn } from '../support/context.ts';
import { specWith } from '../support/spec.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const web = { name: 'forgejo', protocol: 'http' } as const;

/** A machine that is off, and what its app.ini says of its address. */
async function machine(url?: string) {
  const context = contextIn(await temporaryFolder());
  const service = forgejo.create({ port: 3210, ...(url === undefined ? {} : { url }) });
  const spec = specWith('forge', [service]);
  const paths = machinePaths(context.paths, 'forge');
  const address = async (): Promise<readonly string[]> => {
    const values = await ensureSecrets(spec, paths, context);
    const ini = renderSecrets(service.files[0]?.content ?? '', (name) => values.get(`forgejo/${name}`) ?? '?');
    return ini.match(/^(ROOT_URL|DOMAIN|SSH_DOMAIN) = .*$/gm) ?? [];
  };
  return { context, spec, address, follow: (to: string | undefined) => followAddress(spec, web, to, context) };
}

const OWN = ['DOMAIN = 127.0.0.1', 'ROOT_URL = http://127.0.0.1:3210/', 'SSH_DOMAIN = 127.0.0.1'];

test('Forgejo has the address of the way that was exposed last, and its own again without one', async () => {
  const { address, follow } = await machine('exposed');
  expect(await address()).toEqual(OWN);
  await follow('http://forge.tail.ts.net');
  expect(await address()).toEqual([
    'DOMAIN = forge.tail.ts.net',
    'ROOT_URL = http://forge.tail.ts.net/',
    'SSH_DOMAIN = forge.tail.ts.net',
  ]);
  await follow('http://10.88.0.1:3210');
  expect(await address()).toEqual([
    'DOMAIN = 10.88.0.1',
    'ROOT_URL = http://10.88.0.1:3210/',
    'SSH_DOMAIN = 10.88.0.1',
  ]);
  await follow(undefined);
  expect(await address()).toEqual(OWN);
});

test.each([undefined, 'https://git.example.org/'])('with url: %s expose changes nothing', async (url) => {
  const { context, address, follow } = await machine(url);
  const before = await address();
  await follow('http://forge.tail.ts.net');
  expect(await address()).toEqual(before);
  expect(context.progress).toEqual([]);
});

test('what is told already is not told again, and another port of the machine has no say', async () => {
  const { context, spec, address, follow } = await machine('exposed');
  await follow('http://forge.tail.ts.net/');
  const file = `${machinePaths(context.paths, 'forge').secretsDir}/forgejo/exposed-host`;
  await writeFile(file, 'forge.tail.ts.net', { mode: 0o600 });
  await follow('http://forge.tail.ts.net');
  expect(Buffer.from((await context.host.read(file)) ?? []).toString()).toBe('forge.tail.ts.net');
  await followAddress(spec, { name: 'forgejo', protocol: 'ssh' }, 'ssh://elsewhere', context);
  expect(await address()).toContain('DOMAIN = forge.tail.ts.net');
});
