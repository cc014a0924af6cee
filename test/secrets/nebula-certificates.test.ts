import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { machinePaths } from '../../src/core/paths.ts';
import { assignAddresses, makeNebulaCertificates, nebulaFolder } from '../../src/secrets/nebula-certificates.ts';
import { CERTIFY } from '../../src/secrets/nebula-certifier.ts';
import { contextIn } from '../support/context.ts';

const NODE = { address: '10.89.0.1/24', port: 4242, clients: ['laptop'] };

/** Stands in for nebula-cert: a certificate is its arguments. It notes where it wrote, and the CA's key that it was given. Real ones: test/e2e/ways/nebula.test.ts. */
const CERTIFIER = `#!/bin/sh
all="$*"
while [ $# -gt 0 ]; do case $1 in -out-key) key=$2 ;; -out-crt) crt=$2 ;; esac; shift; done
echo "key $$" >"$key"
stat -c '%a %n' "$PWD" >>"$0.folders"
[ ! -e "$0.dies" ] || exit 1
cat /dev/stdin >>"$0.given"
echo "-----BEGIN NEBULA CERTIFICATE-----
$all" | sed 's/ -[a-z]*-[a-z]* [^ ]*//g' >"$crt"
`;
const certificate = (said: string): string => `-----BEGIN NEBULA CERTIFICATE-----\n${said}\n`;

async function machine() {
  const folder = await mkdtemp('/tmp/vmkit-nebula-test-');
  onTestFinished(() => rm(folder, { recursive: true }));
  const context = contextIn(folder);
  const paths = machinePaths(context.paths, 'web');
  const program = join(folder, 'nebula-cert');
  await writeFile(program, CERTIFIER);
  await chmod(program, 0o755);
  const make = (node = NODE) =>
    makeNebulaCertificates('web', node, paths, { host: context.host, program: async () => program }, context);
  const read = (file: string) => readFile(join(nebulaFolder(paths), file), 'utf8');
  return { folder, paths, program, context, make, read };
}

test('an address stays with its client: one that is new gets the lowest that nobody has or had', () => {
  const known = assignAddresses({ ...NODE, clients: ['laptop', 'phone'] }, {});
  expect(known).toEqual({ probe: '10.89.0.254/24', laptop: '10.89.0.2/24', phone: '10.89.0.3/24' });
  expect(assignAddresses({ ...NODE, clients: ['tablet', 'phone'] }, known)).toEqual({
    ...known,
    tablet: '10.89.0.4/24',
  });
  expect(assignAddresses({ ...NODE, address: '10.1.2.2/16' }, {})).toEqual({
    probe: '10.1.2.254/16',
    laptop: '10.1.2.3/16',
  });
});

test('made once: a CA for ten years, and what it signs; nobody else may read them', async () => {
  const { make, read, paths } = await machine();
  expect(await make()).toBe(true);
  expect(await read('ca.crt')).toBe(certificate('ca -name vmkit web -duration 87600h'));
  expect(await read('host.crt')).toBe(certificate('sign -name web -ip 10.89.0.1/24'));
  expect(await read('client-laptop.crt')).toBe(certificate('sign -name laptop -ip 10.89.0.2/24'));
  expect(await read('client-probe.crt')).toBe(certificate('sign -name probe -ip 10.89.0.254/24'));
  expect((await stat(join(nebulaFolder(paths), 'ca.key'))).mode & 0o777).toBe(0o600);
  const before = await read('host.key');
  expect(await make()).toBe(false);
  expect(await make({ ...NODE, clients: ['laptop', 'phone'] })).toBe(true);
  expect(await read('host.key')).toBe(before);
  expect(await read('client-phone.crt')).toBe(certificate('sign -name phone -ip 10.89.0.3/24'));
});

test('what nebula-cert writes is in memory, for its user alone, and gone; it is told the key of the CA and no path of the host', async () => {
  const { make, read, program } = await machine();
  await make();
  const folders = (await readFile(`${program}.folders`, 'utf8')).trim().split('\n');
  expect(folders).toHaveLength(4);
  for (const line of folders) {
    expect(line).toMatch(/^700 \/dev\/shm\//);
    await expect(stat(line.slice('700 '.length))).rejects.toThrow();
  }
  expect(await readFile(`${program}.given`, 'utf8')).toBe((await read('ca.key')).repeat(3));
});

test('the script that runs nebula-cert', async () => {
  await expect(CERTIFY).toMatchFileSnapshot('../golden/nebula-certify.txt');
});

test('killed between a key and its certificate: nothing of it counts, and the next time makes it anew', async () => {
  const { make, read, program, paths } = await machine();
  await writeFile(`${program}.dies`, '');
  await expect(make()).rejects.toMatchObject({ code: 'nebula-cert-failed' });
  await expect(read('ca.key')).rejects.toThrow();
  await rm(`${program}.dies`);
  await make();
  await rm(join(nebulaFolder(paths), 'ca.crt'));
  const [host, laptop] = [await read('host.key'), await read('client-laptop.key')];
  await make();
  // A new CA signs everything anew.
  expect(await read('host.key')).not.toBe(host);
  expect(await read('client-laptop.key')).not.toBe(laptop);
});

test('another address for an overlay that was made is refused, with the way out', async () => {
  const { make } = await machine();
  await make();
  await expect(make({ ...NODE, address: '10.90.0.1/24' })).rejects.toMatchObject({
    code: 'nebula-address-changed',
    hint: expect.stringContaining('address: 10.89.0.1/24'),
  });
});
