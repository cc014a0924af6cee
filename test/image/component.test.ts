import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { sha256 } from '../../src/core/digest.ts';
import { componentArtifact } from '../../src/image/components/component.ts';
import { COMPONENT_SOURCES, type ComponentSource } from '../../src/image/components/component-sources.ts';
import { readLockedSource } from '../../src/store/fetch/source-lock.ts';
import { ensureArtifact } from '../../src/store/store.ts';
import { contextIn } from '../support/context.ts';
import { serveHttp } from '../support/stand-ins/http-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { elf } from './component-elf.ts';

const program = elf({ body: 'the real one' });

type Files = Record<string, string | Buffer>;

/** A publisher on loopback; `cut` files end early, which their length contradicts. */
async function publish(files: Files, cut: readonly string[] = []): Promise<string> {
  return serveHttp((request, response) => {
    const path = request.url ?? '';
    const body = files[path];
    if (body === undefined) return void response.writeHead(404).end();
    const bytes = Buffer.from(body);
    response.writeHead(200, { 'content-length': bytes.length });
    if (!cut.includes(path)) return void response.end(bytes);
    response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
  });
}

function release(url: string, member?: string): ComponentSource {
  return {
    kind: 'release',
    version: '1.0',
    url: () => url,
    checksum: '.sha256',
    member: member === undefined ? undefined : () => member,
  };
}

async function archiveOf(path: string, content: Buffer): Promise<Buffer> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'tailscale_1.0'));
  await writeFile(join(folder, path), content);
  await chmod(join(folder, path), 0o755);
  return execFileSync('tar', ['-c', '-z', '-C', folder, 'tailscale_1.0']);
}

describe('a component', () => {
  it('comes from a release with the published checksum, and is locked', async () => {
    const base = await publish({ '/forgejo-1.0': program, '/forgejo-1.0.sha256': `${sha256(program)}  forgejo-1.0\n` });
    const context = contextIn(await temporaryFolder());
    const sources = [release(`${base}/forgejo-1.0`)];
    const built = await ensureArtifact(componentArtifact('forgejo', 'x86_64', sources), context);
    expect(await readFile(join(built.directory, 'forgejo'))).toEqual(program);
    expect(built.manifest.outputs['forgejo']?.sha256).toBe(sha256(program));
    expect(await readLockedSource('forgejo-1.0', context)).toMatchObject({ version: '1.0', sha256: sha256(program) });
  });

  it('is refused when file and checksum are others than at first, and no other source takes its place', async () => {
    const files: Files = { '/forgejo-1.0': program, '/forgejo-1.0.sha256': sha256(program), '/other': program };
    files['/other.sha256'] = sha256(program);
    const base = await publish(files);
    const context = contextIn(await temporaryFolder());
    const sources = [release(`${base}/forgejo-1.0`), release(`${base}/other`)];
    await ensureArtifact(componentArtifact('forgejo', 'x86_64', sources), context);
    await rm(context.paths.cache, { recursive: true });
    const changed = elf({ body: 'another one' });
    Object.assign(files, { '/forgejo-1.0': changed, '/forgejo-1.0.sha256': sha256(changed) });
    const again = ensureArtifact(componentArtifact('forgejo', 'x86_64', sources), context);
    await expect(again).rejects.toMatchObject({
      code: 'source-changed',
      details: { locked: { sha256: sha256(program) }, seen: { sha256: sha256(changed) } },
    });
  });

  it.each([true, false])('comes out of an archive where there is no tar and no gzip: cut off %s', async (isCut) => {
    const whole = await archiveOf('tailscale_1.0/tailscaled', program);
    const archive = isCut ? whole.subarray(0, whole.length - 20) : whole;
    const base = await publish({ '/t.tgz': archive, '/t.tgz.sha256': sha256(archive) });
    const context = contextIn(await temporaryFolder());
    const bin = await temporaryFolder();
    await symlink(execFileSync('sh', ['-c', 'command -v flock']).toString().trim(), join(bin, 'flock'));
    vi.stubEnv('PATH', bin);
    onTestFinished(() => void vi.unstubAllEnvs());
    const sources = [release(`${base}/t.tgz`, 'tailscale_1.0/tailscaled')];
    const building = ensureArtifact(componentArtifact('tailscaled', 'x86_64', sources), context);
    if (isCut) await expect(building).rejects.toThrow(/t\.tgz holds no tailscale_1\.0\/tailscaled: unexpected end/);
    else expect(await readFile(join((await building).directory, 'tailscaled'))).toEqual(program);
  });

  it('comes out of an archive, with a checksum that names no file', async () => {
    const archive = await archiveOf('tailscale_1.0/tailscaled', program);
    const base = await publish({ '/tailscale_1.0.tgz': archive, '/tailscale_1.0.tgz.sha256': sha256(archive) });
    const context = contextIn(await temporaryFolder());
    const sources = [release(`${base}/tailscale_1.0.tgz`, 'tailscale_1.0/tailscaled')];
    const built = await ensureArtifact(componentArtifact('tailscaled', 'x86_64', sources), context);
    expect(await readFile(join(built.directory, 'tailscaled'))).toEqual(program);
  });

  it('comes from the next source when one refuses', async () => {
    const base = await publish({ '/good': program, '/good.sha256': sha256(program) });
    const context = contextIn(await temporaryFolder());
    const sources = [release(`${base}/gone`), release(`${base}/good`)];
    const built = await ensureArtifact(componentArtifact('forgejo', 'x86_64', sources), context);
    expect(await readFile(join(built.directory, 'forgejo'))).toEqual(program);
    expect(context.progress).toContainEqual({ kind: 'note', text: expect.stringMatching(/not from .*404/) });
  });

  it('cannot be had when every source refuses: each is named, with its reason', async () => {
    const page = '<html>Not here</html>';
    const archive = await archiveOf('tailscale_1.0/other', program);
    const base = await publish(
      {
        '/changed': program,
        '/changed.sha256': sha256('something else'),
        '/cut': program,
        '/cut.sha256': sha256(program),
        '/nochecksum': program,
        '/nochecksum.sha256': 'none today\n',
        '/page': page,
        '/page.sha256': sha256(page),
        '/other.tgz': archive,
        '/other.tgz.sha256': sha256(archive),
        '/arm64': elf({ machine: 183 }),
        '/arm64.sha256': sha256(elf({ machine: 183 })),
      },
      ['/cut'],
    );
    const context = contextIn(await temporaryFolder());
    const sources = [
      ...['changed', 'cut', 'nochecksum', 'page', 'arm64'].map((name) => release(`${base}/${name}`)),
      release(`${base}/other.tgz`, 'tailscale_1.0/forgejo'),
    ];
    const failure = ensureArtifact(componentArtifact('forgejo', 'x86_64', sources), context);
    await expect(failure).rejects.toMatchObject({
      code: 'component-unavailable',
      hint: expect.stringMatching(/--component forgejo=PATH.*VMKIT_FORGEJO=PATH/),
      details: {
        refusals: [
          expect.stringContaining('its checksum is not the published one'),
          expect.stringMatching(/came|cut/),
          expect.stringContaining('holds no checksum'),
          expect.stringContaining('it is a web page'),
          expect.stringContaining('an ELF file for arm64'),
          expect.stringContaining('holds no tailscale_1.0/forgejo'),
        ],
      },
    });
  }, 60_000);

  it('of another name can only be given', async () => {
    const context = contextIn(await temporaryFolder());
    await expect(ensureArtifact(componentArtifact('gitea', 'x86_64'), context)).rejects.toMatchObject({
      code: 'component-unavailable',
      message: expect.stringContaining('vmkit knows no place'),
    });
  });

  it('is not built when it is interrupted', async () => {
    const context = contextIn(await temporaryFolder(), AbortSignal.abort());
    const base = await publish({});
    const failure = ensureArtifact(componentArtifact('forgejo', 'x86_64', [release(`${base}/gone`)]), context);
    await expect(failure).rejects.toMatchObject({ code: 'interrupted' });
  });

  it('is asked for at the addresses that its publisher documents', () => {
    const urls = Object.entries(COMPONENT_SOURCES).flatMap(([name, sources]) =>
      sources.flatMap((source) =>
        source.kind === 'release' ? [`${name} ${source.url('x86_64')}`, `${name} ${source.url('arm64')}`] : [],
      ),
    );
    expect(urls).toMatchInlineSnapshot(`
      [
        "forgejo https://codeberg.org/forgejo/forgejo/releases/download/v15.0.3/forgejo-15.0.3-linux-amd64",
        "forgejo https://codeberg.org/forgejo/forgejo/releases/download/v15.0.3/forgejo-15.0.3-linux-arm64",
        "forgejo-runner https://code.forgejo.org/forgejo/runner/releases/download/v12.0.1/forgejo-runner-12.0.1-linux-amd64",
        "forgejo-runner https://code.forgejo.org/forgejo/runner/releases/download/v12.0.1/forgejo-runner-12.0.1-linux-arm64",
        "tailscale https://pkgs.tailscale.com/stable/tailscale_1.98.2_amd64.tgz",
        "tailscale https://pkgs.tailscale.com/stable/tailscale_1.98.2_arm64.tgz",
        "tailscaled https://pkgs.tailscale.com/stable/tailscale_1.98.2_amd64.tgz",
        "tailscaled https://pkgs.tailscale.com/stable/tailscale_1.98.2_arm64.tgz",
      ]
    `);
  });
});
