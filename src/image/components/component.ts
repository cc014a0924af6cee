import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Arch } from '../../core/arch.ts';
import { throwIfInterrupted } from '../../core/deadline.ts';
import type { Json } from '../../core/digest.ts';
import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';
import type { Artifact } from '../../store/artifact.ts';
import { withScratchFolder } from '../../store/scratch-folder.ts';
import { requireExecutable } from './component-executable.ts';
import { fetchDebian, fetchGo, fetchRelease } from './component-fetch.ts';
import { COMPONENT_SOURCES, type ComponentSource, sourceTitle } from './component-sources.ts';

/** The environment variable that gives a component: VMKIT_FORGEJO. */
export function componentVariable(name: string): string {
  return `VMKIT_${name.toUpperCase().replaceAll('-', '_')}`;
}

/**
 * An executable for the guest from the first of its sources that has one, checked to be one. Output: the executable, under its name.
 * Errors: `component-unavailable`, with every source and why it was none.
 */
export function componentArtifact(
  name: string,
  arch: Arch,
  sources: readonly ComponentSource[] = COMPONENT_SOURCES[name] ?? [],
): Artifact {
  return {
    kind: 'component',
    title: `${name} ${arch}`,
    inputs: { recipe: 1, name, arch, sources: sources.map((source) => describe(source, arch)) },
    build: async (directory, context) => {
      const target = join(directory, name);
      const refusals: string[] = [];
      for (const source of sources) {
        try {
          await withScratchFolder(directory, (scratch) => fetchFrom(source, { name, arch, target, scratch }, context));
          await chmod(target, 0o755);
          await requireExecutable(name, target, arch);
          context.report({ kind: 'note', text: `${name}: ${sourceTitle(source)}` });
          return { source: sourceTitle(source), refusals };
        } catch (error) {
          throwIfInterrupted(context.signal);
          // No other source takes the place of one that may be an attack.
          if (error instanceof VmkitError && error.code === 'source-changed') throw error;
          await rm(target, { force: true });
          refusals.push(`${sourceTitle(source)}: ${messageOf(error)}`);
          context.report({ kind: 'note', text: `${name} not from ${sourceTitle(source)}: ${messageOf(error)}` });
        }
      }
      throw unavailable(name, arch, refusals);
    },
  };
}

async function fetchFrom(
  source: ComponentSource,
  wanted: { name: string; arch: Arch; target: string; scratch: string },
  context: Context,
): Promise<void> {
  switch (source.kind) {
    case 'release':
      return fetchRelease({ ...wanted, source }, context);
    case 'debian':
      return fetchDebian({ ...wanted, source }, context);
    case 'go':
      return fetchGo({ ...wanted, source }, context);
  }
}

function describe(source: ComponentSource, arch: Arch): Json {
  if (source.kind !== 'release') return { ...source };
  return { version: source.version, url: source.url(arch), member: source.member?.(arch) ?? null };
}

function unavailable(name: string, arch: Arch, refusals: readonly string[]): VmkitError {
  const reasons = refusals.length === 0 ? ['vmkit knows no place to get it from'] : refusals;
  return new VmkitError(
    'build',
    'component-unavailable',
    [`The component ${name} for ${arch} cannot be had.`, ...reasons.map((reason) => `  ${reason}`)].join('\n'),
    {
      hint: `Give an executable that you have: --component ${name}=PATH, or ${componentVariable(name)}=PATH in the environment.`,
      details: { refusals },
    },
  );
}
