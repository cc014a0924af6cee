import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { localHost } from '../../src/host/local/local.ts';
import type { Registry } from '../../src/store/oci/registry.ts';
import { requireSignature, signImage } from '../../src/store/oci/signature.ts';
import { artifactOf, pushArtifact } from '../support/services/pushed-artifact.ts';
import { startRegistry } from '../support/stand-ins/registry.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** cosign itself, where VMKIT_COSIGN names it: Debian has no package of it. */
const program = process.env['VMKIT_COSIGN'] ?? '';

test.skipIf(program === '')('cosign takes what vmkit signed, and vmkit what cosign signed', async () => {
  const folder = await temporaryFolder();
  const registry = await startRegistry(join(folder, 'registry'));
  onTestFinished(registry.end);
  const cosign = (...words: string[]): ReturnType<ReturnType<typeof localHost>['exec']> =>
    localHost().exec([program, ...words], {
      env: { COSIGN_PASSWORD: '', HOME: folder },
      cwd: folder,
      withinMs: 60_000,
    });
  const push = async (name: string): Promise<{ readonly one: Registry; readonly digest: string }> => {
    const { one, image } = await pushArtifact(registry.host, artifactOf('root', name), `team/${name}`);
    return { one, digest: image.digest };
  };

  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  await writeFile(join(folder, 'vmkit.pub'), key);
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' });
  await writeFile(join(folder, 'other.pub'), other);
  const mine = await push('mine');
  await signImage(mine.one, mine.digest, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  const verify = (by: string): ReturnType<typeof cosign> =>
    cosign('verify', '--key', by, '--insecure-ignore-tlog', `${registry.host}/team/mine@${mine.digest}`);
  expect(await verify('vmkit.pub')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(mine.digest) });
  expect(await verify('other.pub')).not.toMatchObject({ exitCode: 0 });

  // Version 3 makes a bundle, where the older one makes a payload under a tag.
  const isThree = (await cosign('version')).stdout.includes('v3.');
  const theirs = await push('theirs');
  expect(await cosign('generate-key-pair')).toMatchObject({ exitCode: 0 });
  const signed = await cosign(
    'sign',
    '-y',
    '--key',
    'cosign.key',
    ...(isThree ? ['--use-signing-config=false'] : []),
    '--tlog-upload=false',
    `${registry.host}/team/theirs@${theirs.digest}`,
  );
  expect(signed).toMatchObject({ exitCode: 0 });
  const cosignKey = await localHost().read(join(folder, 'cosign.pub'));
  await requireSignature(theirs.one, theirs.digest, Buffer.from(cosignKey ?? '').toString('utf8'));
  await expect(requireSignature(theirs.one, theirs.digest, key)).rejects.toMatchObject({ code: 'signature-wrong' });
});
