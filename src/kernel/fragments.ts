import { join, relative, resolve } from 'node:path';
import type { Arch } from '../core/arch.ts';
import { VmkitError } from '../core/errors/errors.ts';
import { packageRoot } from '../core/package-root.ts';
import type { Host } from '../host/host.ts';
import { fragmentNames } from './check/profiles.ts';
import { isSameValue, parseConfigText, printSetting } from './kconfig/config-text.ts';

/** A file of requested symbols. */
export interface Fragment {
  /** As told to people: `kernel-configs/console.config`, or the path that the user gave. */
  readonly file: string;
  readonly text: string;
  /** A user's fragment overrides what comes before it; ours must not contradict each other. */
  readonly isUsers: boolean;
}

/** A symbol that a fragment asks for, with its place. */
export interface Request {
  readonly symbol: string;
  readonly value: string;
  readonly file: string;
  readonly line: number;
}

/** The fragments of a profile for `arch`, then the user's files in the order given. Throws when a name or a file is unknown. */
export async function loadFragments(
  profile: string,
  arch: Arch,
  extraFiles: readonly string[],
  host: Pick<Host, 'read'>,
): Promise<readonly Fragment[]> {
  const ours = (await fragmentNames(profile, arch, host)).map((name) => join('kernel-configs', `${name}.config`));
  return await Promise.all([
    ...ours.map((file) => readFragment(file, join(packageRoot(), file), false, host)),
    ...extraFiles.map((file) => readFragment(file, resolve(file), true, host)),
  ]);
}

async function readFragment(file: string, path: string, isUsers: boolean, host: Pick<Host, 'read'>): Promise<Fragment> {
  const bytes = await host.read(path);
  if (bytes === undefined) {
    throw new VmkitError('usage', 'fragment-missing', `There is no kernel configuration fragment ${file}.`, {
      hint: `Looked for ${path}; relative paths count from ${relative('', '.') || 'the current folder'}.`,
    });
  }
  return { file, text: new TextDecoder().decode(bytes), isUsers };
}

/** What all fragments ask for together. */
export interface MergedFragments {
  readonly requests: readonly Request[];
  /** For KCONFIG_ALLCONFIG: one line a symbol, sorted, without comments, so that equal requests have equal text. */
  readonly text: string;
}

/**
 * One request a symbol. A user's fragment overrides ours and earlier ones of the user. Two of ours that want different values, or one
 * file that contradicts itself, or a line that is no setting: `fragments-invalid`, all of them at once.
 */
export function mergeFragments(fragments: readonly Fragment[]): MergedFragments {
  const problems: string[] = [];
  const merged = new Map<string, Request>();
  for (const { file, text, isUsers } of fragments) {
    const { lines, unreadable } = parseConfigText(text);
    problems.push(...unreadable.map(({ line, text }) => `${file}:${line}: not a setting: ${text}`));
    for (const request of lines.map((line) => ({ ...line, file }))) {
      const earlier = merged.get(request.symbol);
      const mayDiffer = earlier === undefined || (isUsers && earlier.file !== file);
      if (!mayDiffer && !isSameValue(earlier.value, request.value)) problems.push(conflict(request, earlier));
      if (mayDiffer) merged.set(request.symbol, request);
    }
  }
  if (problems.length > 0) {
    throw new VmkitError(
      'usage',
      'fragments-invalid',
      `The kernel's fragments cannot be merged.\n${problems.join('\n')}`,
      {
        hint: 'A line is CONFIG_NAME=y, =m, =n, ="text", =123 or =0xff, or # CONFIG_NAME is not set; each symbol once a file.',
        details: { problems },
      },
    );
  }
  const requests = [...merged.values()].sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
  return { requests, text: requests.map((request) => `${printSetting(request)}\n`).join('') };
}

function conflict(request: Request, earlier: Request): string {
  return (
    `${request.file}:${request.line}: asks for ${printSetting(request)}, ` +
    `but ${earlier.file}:${earlier.line} for ${printSetting(earlier)}`
  );
}
