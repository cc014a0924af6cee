import { copyFile, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Arch } from '../../core/arch.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';
import { parseChecksums } from '../../store/fetch/checksums.ts';
import { download, fetchText } from '../../store/fetch/fetch.ts';
import { lockSource, readLockedSource, sourceChanged } from '../../store/fetch/source-lock.ts';
import { DEBIAN_ARCHITECTURES, runMmdebstrap } from '../../store/mmdebstrap.ts';
import { type ComponentSource, GO_ARCHITECTURES } from './component-sources.ts';
import { unpackMember } from './unpack-member.ts';

interface Fetch<Kind extends ComponentSource['kind']> {
  readonly name: string;
  readonly arch: Arch;
  readonly source: Extract<ComponentSource, { kind: Kind }>;
  /** Where the executable goes. */
  readonly target: string;
  /** An empty folder for what is on the way. */
  readonly scratch: string;
}

/** Downloads a release and checks it by the publisher's checksum. The first digest seen is locked: one version has one content. */
export async function fetchRelease({ name, arch, source, target }: Fetch<'release'>, context: Context): Promise<void> {
  const { version, member } = source;
  const url = source.url(arch);
  const title = `${name} ${version}`;
  const checksums = parseChecksums(
    await fetchText({ name: `the checksum of ${title}`, url: `${url}${source.checksum}` }, context),
  );
  const sha256 = checksums.get(basename(new URL(url).pathname)) ?? checksums.get('');
  if (sha256 === undefined) {
    throw new VmkitError('build', 'checksum-missing', `${url}${source.checksum} holds no checksum of the file.`);
  }
  // The checksum lies beside the file: whoever changes one can change the other. What was seen first counts.
  const lockName = basename(new URL(url).pathname);
  const seen = { version, sha256, verified: 'published checksum' };
  const locked = await readLockedSource(lockName, context);
  if (locked !== undefined && locked.sha256 !== sha256) throw sourceChanged(lockName, locked, seen, context);
  context.report({ kind: 'phase', text: `downloads ${title}` });
  const file = await download({ name: title, url, sha256 }, context);
  await lockSource(lockName, seen, context);
  if (member === undefined) await copyFile(file.path, target);
  else await unpackMember(file.path, member(arch), target, context.signal);
}

/** Unpacks a Debian package; nothing of it runs. */
export async function fetchDebian({ arch, source, target, scratch }: Fetch<'debian'>, context: Context): Promise<void> {
  const archive = join(scratch, 'package.tar');
  const args = [
    '--variant=extract',
    `--architectures=${DEBIAN_ARCHITECTURES[arch]}`,
    `--include=${source.package}`,
    '--format=tar',
  ];
  const run = { doing: `Fetching the package ${source.package}`, target: archive, isExtractOnly: true };
  await runMmdebstrap(args, run, context);
  await unpackMember(archive, `./${source.path}`, target, context.signal);
}

/** Builds a Go program for the guest, without C. Go checks modules by its own checksum database. */
export async function fetchGo({ name, arch, source, target, scratch }: Fetch<'go'>, context: Context): Promise<void> {
  const path = join(scratch, 'go');
  const { exitCode, stderr } = await context.host.exec(['go', 'install', `${source.module}@${source.version}`], {
    cwd: scratch,
    env: {
      // GOBIN is refused for another architecture (go help install); GOPATH/bin is not.
      GOPATH: path,
      GOBIN: '',
      GOMODCACHE: join(context.paths.cache, 'go-modules'),
      GOOS: 'linux',
      GOARCH: GO_ARCHITECTURES[arch],
      CGO_ENABLED: '0',
      GOFLAGS: '-trimpath -modcacherw',
    },
    withinMs: 1_800_000,
    signal: context.signal,
    onLine: (line) => context.report({ kind: 'phase', text: line }),
  });
  if (exitCode !== 0) {
    const end = stderr.trim().split('\n').slice(-5).join('\n');
    throw new VmkitError('build', 'go-failed', `go install ${source.module}@${source.version} failed.\n${end}`);
  }
  // A program for another architecture than Go's own goes into a folder of its name.
  const built = [join(path, 'bin', name), join(path, 'bin', `linux_${GO_ARCHITECTURES[arch]}`, name)];
  for (const each of built) if (await isMoved(each, target)) return;
  throw new VmkitError('build', 'go-failed', `go install ${source.module} made no program ${name}.`);
}

async function isMoved(from: string, to: string): Promise<boolean> {
  return await rename(from, to).then(
    () => true,
    () => false,
  );
}
