import { execFileSync } from 'node:child_process';
import { readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../src/core/digest.ts';
import { chooseComponents } from '../../src/image/components/component-choice.ts';
import { componentsArtifact, findComponentsArtifact } from '../../src/image/components/components.ts';
import type { Artifact } from '../../src/store/artifact.ts';
import { artifactKey, ensureArtifact } from '../../src/store/store.ts';
import { contextIn } from '../support/context.ts';
import { ownService, specWith } from '../support/spec.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { elf } from './component-elf.ts';

const spec = specWith('forge', [ownService({ name: 'web', components: ['zeta', 'alpha', 'zeta'] })]);

async function given(): Promise<{ folder: string; chosen: Map<string, string> }> {
  const folder = await temporaryFolder();
  const chosen = new Map(['alpha', 'zeta'].map((name) => [name, join(folder, `${name}-1.0`)]));
  for (const [name, path] of chosen) await writeFile(path, elf({ body: name }), { mode: 0o700 });
  return { folder, chosen };
}

function isArtifact(found: Artifact | 'unknown' | undefined): found is Artifact {
  return found !== undefined && found !== 'unknown';
}

async function artifactOf(chosen: Map<string, string>, folder: string): Promise<Artifact> {
  const artifact = await componentsArtifact(spec, chosen, contextIn(folder));
  if (artifact === undefined) throw new Error('no artifact');
  return artifact;
}

describe('the image of the components', () => {
  it('holds them in /opt/vmkit/bin, for everybody to execute', async () => {
    const { folder, chosen } = await given();
    const built = await ensureArtifact(await artifactOf(chosen, folder), contextIn(folder));
    const image = join(built.directory, 'components.img');
    const list = execFileSync('unsquashfs', ['-lls', image], { encoding: 'utf8' });
    expect(list.match(/^[d-].*/gm)?.map((line) => line.replace(/ +\d+ \d{4}-\d\d-\d\d \d\d:\d\d /, ' '))).toEqual([
      'drwxr-xr-x root/root squashfs-root',
      'drwxr-xr-x root/root squashfs-root/opt',
      'drwxr-xr-x root/root squashfs-root/opt/vmkit',
      'drwxr-xr-x root/root squashfs-root/opt/vmkit/bin',
      '-rwxr-xr-x root/root squashfs-root/opt/vmkit/bin/alpha',
      '-rwxr-xr-x root/root squashfs-root/opt/vmkit/bin/zeta',
    ]);
    expect(execFileSync('unsquashfs', ['-cat', image, 'opt/vmkit/bin/zeta'])).toEqual(elf({ body: 'zeta' }));
  });

  it('is the same, bit by bit, for the same executables', async () => {
    const digests: string[] = [];
    const keys: string[] = [];
    for (const year of ['2001', '2020']) {
      const { folder, chosen } = await given();
      for (const path of chosen.values()) await utimes(path, new Date(year), new Date(year));
      const artifact = await artifactOf(chosen, folder);
      keys.push(artifactKey(artifact));
      const built = await ensureArtifact(artifact, contextIn(folder));
      digests.push(sha256(await readFile(join(built.directory, 'components.img'))));
    }
    expect(keys[0]).toBe(keys[1]);
    expect(digests[0]).toBe(digests[1]);
  });

  it('is another one for another executable', async () => {
    const { folder, chosen } = await given();
    const before = artifactKey(await artifactOf(chosen, folder));
    await writeFile(join(folder, 'zeta-1.0'), elf({ body: 'zeta 2' }));
    expect(artifactKey(await artifactOf(chosen, folder))).not.toBe(before);
  });

  it('is not there for a machine without components', async () => {
    const folder = await temporaryFolder();
    const plain = specWith('plain', [ownService({ name: 'web' })]);
    expect(await componentsArtifact(plain, new Map(), contextIn(folder))).toBeUndefined();
    expect(await findComponentsArtifact(plain, new Map(), contextIn(folder))).toBeUndefined();
  });

  it('refuses a file that is no executable of the guest before it fetches any other', async () => {
    const { folder, chosen } = await given();
    await writeFile(join(folder, 'zeta-1.0'), elf({ machine: 183 }));
    chosen.delete('alpha');
    const failure = componentsArtifact(spec, chosen, contextIn(folder));
    await expect(failure).rejects.toThrow('an ELF file for arm64, the guest is x86_64');
  });

  it('is not known while a component would have to be fetched', async () => {
    const { folder, chosen } = await given();
    const context = contextIn(folder);
    expect(isArtifact(await findComponentsArtifact(spec, chosen, context))).toBe(true);
    chosen.delete('alpha');
    expect(await findComponentsArtifact(spec, chosen, context)).toBe('unknown');
  });

  it('is not made of a file that changed in between', async () => {
    const { folder, chosen } = await given();
    const artifact = await artifactOf(chosen, folder);
    await writeFile(join(folder, 'zeta-1.0'), elf({ body: 'zeta 2' }));
    await expect(ensureArtifact(artifact, contextIn(folder))).rejects.toMatchObject({ code: 'component-changed' });
    await rm(join(folder, 'zeta-1.0'));
    await expect(ensureArtifact(artifact, contextIn(folder))).rejects.toMatchObject({ code: 'components-failed' });
  });
});

describe('the choice of components', () => {
  it('takes the option before the environment', () => {
    const env = { VMKIT_ALPHA: 'from-env', VMKIT_ZETA: '/env/zeta', VMKIT_OTHER: '/x' };
    expect([...chooseComponents(['alpha=./a=b'], env, spec, '/work')]).toEqual([
      ['alpha', '/work/a=b'],
      ['zeta', '/env/zeta'],
    ]);
  });

  it.each([
    ['alpha', 'bad-usage', 'expected NAME=PATH'],
    ['alpha=', 'bad-usage', 'expected NAME=PATH'],
    ['beta=/x', 'component-unknown', 'has no component beta'],
  ])('refuses --component %s', (option, code, message) => {
    expect(() => chooseComponents([option], {}, spec, '/')).toThrow(expect.objectContaining({ code }));
    expect(() => chooseComponents([option], {}, spec, '/')).toThrow(message);
  });
});
