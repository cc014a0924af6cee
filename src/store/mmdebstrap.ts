import type { ErrorCode } from '../core/errors/error-codes.ts';
import { VmkitError } from '../core/errors/errors.ts';
import { DEBIAN_SUITE, type Suite } from '../core/suite.ts';
import type { Context } from '../host/context.ts';

/** dpkg's name of a guest's architecture. */
export const DEBIAN_ARCHITECTURES = { x86_64: 'amd64', arm64: 'arm64' } as const;

const WITHIN_MS = 1_800_000;

interface MmdebstrapRun {
  /** What is said when it fails: `Building the root file system`. */
  readonly doing: string;
  /** Where the result goes; `args` name the format. */
  readonly target: string;
  /** Default: the usual one. */
  readonly suite?: Suite;
  /** Packages that `suite` does not have come from there. */
  readonly olderSuite?: Suite | undefined;
  /**
   * Packages are only unpacked (--variant=extract), nothing of them runs: then a user needs neither root nor namespaces.
   * The files are then the user's own.
   */
  readonly isExtractOnly?: boolean;
}

/**
 * Runs mmdebstrap with its default mirror. apt checks the archive's signature against Debian's keyring. As root it uses a chroot,
 * else a user namespace (mmdebstrap(1), --mode). Throws what can be told of a failure: no network, a signature, an
 * unknown package, a full disk, missing subordinate ids, a foreign processor.
 */
export async function runMmdebstrap(args: readonly string[], run: MmdebstrapRun, context: Context): Promise<void> {
  const { suite = DEBIAN_SUITE, olderSuite } = run;
  const mirrors = olderSuite === undefined ? [] : [suite, olderSuite].flatMap(debianLines);
  const { isRoot } = await context.host.facts();
  const mode = isRoot ? 'root' : run.isExtractOnly === true ? 'chrootless' : 'unshare';
  const result = await context.host.exec(['mmdebstrap', `--mode=${mode}`, ...args, suite, run.target, ...mirrors], {
    // A fixed time for what packages write when they are installed, and for the newest file times in the archive.
    env: { SOURCE_DATE_EPOCH: `${DEBIAN_EPOCH}`, LC_ALL: 'C' },
    withinMs: WITHIN_MS,
    signal: context.signal,
    onLine: (line) => {
      const step = /^I: ((?:running apt|downloading|extracting|installing|cleaning|creating) .*?)(?:\.\.\.)?$/.exec(
        line,
      )?.[1];
      if (step !== undefined) context.report({ kind: 'phase', text: step });
    },
  });
  if (result.exitCode !== 0) throw explainMmdebstrap(run.doing, `${result.stderr}\n${result.stdout}`, suite);
}

/** One line of apt's sources for each archive of a release, as mmdebstrap gives them itself for one release alone (mmdebstrap(1), MIRROR). */
export function debianLines(suite: Suite): readonly string[] {
  const archive = `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian`;
  const security = archive.replace('deb.debian.org/debian', 'security.debian.org/debian-security');
  return [`${archive} ${suite} main`, `${archive} ${suite}-updates main`, `${security} ${suite}-security main`];
}

/** 2025-01-01, in seconds. reproducible-builds.org, SOURCE_DATE_EPOCH. */
export const DEBIAN_EPOCH = 1_735_689_600;

const CAUSES: readonly {
  kind: 'host' | 'tool' | 'build' | 'spec';
  code: ErrorCode;
  sign: RegExp;
  says: string;
  hint: string;
}[] = [
  {
    kind: 'host',
    code: 'disk-full',
    sign: /No space left on device|not have enough free space/,
    says: 'the disk is full',
    hint: 'mmdebstrap unpacks into $TMPDIR (default /tmp): make room there, or set TMPDIR to a folder that all users can enter.',
  },
  {
    kind: 'spec',
    code: 'package-unknown',
    sign: /E: Unable to locate package \S+|E: Package '\S+' has no installation candidate/,
    says: 'this release of Debian has no such package',
    hint: 'Look up its name among its packages; only the section main is used.',
  },
  {
    kind: 'build',
    code: 'debian-signature',
    sign: /NO_PUBKEY|BADSIG|EXPKEYSIG|is not signed|signatures? (?:could|couldn't|were|was)|Missing key|no keyring/i,
    says: "the archive's signature could not be verified",
    hint: "Install or update Debian's keyring (package debian-archive-keyring), and check this machine's clock: date",
  },
  {
    kind: 'host',
    code: 'debian-unreachable',
    sign: /Temporary failure resolving|Could not resolve|Could not connect|Connection (?:failed|refused|timed out)|Network is unreachable|Unable to connect/,
    says: 'the Debian mirror cannot be reached',
    hint: 'Check the network; behind a proxy set http_proxy and https_proxy.',
  },
  {
    kind: 'host',
    code: 'user-namespaces',
    sign: /subuid|subgid|newuidmap|newgidmap|unshare|user namespace/i,
    says: 'a user namespace could not be made',
    hint: [
      'Without root this needs newuidmap (package uidmap), subordinate ids (sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER)',
      'and user namespaces (on Ubuntu: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0). Or run vmkit as root.',
    ].join(' '),
  },
  {
    kind: 'host',
    code: 'foreign-architecture',
    sign: /arch-test|binfmt|Exec format error|cannot (?:be run|run).*foreign|qemu-user/i,
    says: "this machine cannot run the guest architecture's programs, which installing packages needs",
    hint: 'Install QEMU for user programs: apt-get install qemu-user-static binfmt-support arch-test (or qemu-user-binfmt).',
  },
];

/** The error for mmdebstrap's output: the first cause that shows in it, and the end of what its last step printed. */
export function explainMmdebstrap(doing: string, output: string, suite: Suite = DEBIAN_SUITE): VmkitError {
  const lines = output
    .split('\n')
    .filter((line) => !/^\s*$|^I: main\(\)|^I: removing|^E: (mmdebstrap failed|setup failed)/.test(line));
  const end = lines
    .slice(lines.findLastIndex((line) => line.startsWith('I: ')) + 1)
    .slice(-12)
    .join('\n');
  const cause = CAUSES.find(({ sign }) => sign.test(output));
  if (cause === undefined) {
    return new VmkitError('build', 'mmdebstrap-failed', `${doing}: mmdebstrap failed.\n${end}`, {
      hint: 'The lines above are the end of what it printed; -v shows the command, to run it by hand.',
    });
  }
  return new VmkitError(cause.kind, cause.code, `${doing}, Debian ${suite}: ${cause.says}.\n${end}`, {
    hint: cause.hint,
  });
}
