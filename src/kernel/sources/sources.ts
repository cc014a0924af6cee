import { throwIfInterrupted } from '../../core/deadline.ts';
import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';
import {
  forgetLockedSource,
  type LockedSource,
  lockSource,
  readLockedSource,
  sourceChanged,
} from '../../store/fetch/source-lock.ts';
import { debianSource } from './debian.ts';
import { kernelOrgSource } from './kernel-org.ts';
import { localSource } from './local.ts';
import type { KernelSource, Publisher } from './publisher.ts';
import { unpackedTree } from './tree.ts';

/** The long-term series that vmkit's fragments are verified against. */
export const SERIES = '6.12';

export const PUBLISHERS: readonly Publisher[] = [kernelOrgSource(SERIES), debianSource(SERIES)];

/**
 * The source that counts. `choice` is a publisher's name, or a path of a tree or tarball; undefined tries the publishers in order,
 * and reports each refusal. One that was locked before is taken without asking anybody: milliseconds.
 */
export async function resolveSource(
  choice: string | undefined,
  context: Context,
  { update = false, publishers = PUBLISHERS }: { update?: boolean | undefined; publishers?: readonly Publisher[] } = {},
): Promise<KernelSource> {
  const chain = choice === undefined ? publishers : publishers.filter(({ name }) => name === choice);
  if (choice !== undefined && chain.length === 0) return await localSource(choice, context);
  if (update) for (const publisher of chain) await forgetLockedSource(lockName(publisher), context);
  return (await findLocked(chain, context)) ?? (await lockFirst(chain, update, context));
}

/** Whether `resolveSource` would have to ask a publisher first, and which ones. */
export async function publishersToAsk(choice: string | undefined, context: Context): Promise<readonly string[]> {
  const chain = PUBLISHERS.filter(({ name }) => choice === undefined || name === choice);
  return (await findLocked(chain, context)) === undefined ? chain.map(({ name }) => name) : [];
}

async function findLocked(chain: readonly Publisher[], context: Context): Promise<KernelSource | undefined> {
  for (const publisher of chain) {
    const locked = await readLockedSource(lockName(publisher), context);
    if (locked !== undefined) return sourceOf(publisher, locked);
  }
  return undefined;
}

async function lockFirst(chain: readonly Publisher[], fresh: boolean, context: Context): Promise<KernelSource> {
  const refusals: string[] = [];
  for (const publisher of chain) {
    try {
      const { version, sha256, verified } = await publisher.fetch(undefined, context, { fresh });
      await lockSource(lockName(publisher), { version, sha256, verified }, context);
      context.report({ kind: 'note', text: `linux ${version} from ${publisher.name}: ${verified}; locked.` });
      return sourceOf(publisher, { version, sha256, verified });
    } catch (error) {
      throwIfInterrupted(context.signal);
      refusals.push(`${publisher.name}: ${messageOf(error)}`);
      context.report({ kind: 'note', text: `Not from ${publisher.name}: ${messageOf(error)}` });
      if (chain.length === 1) throw error;
    }
  }
  throw new VmkitError(
    'build',
    'no-kernel-source',
    `No source of linux ${SERIES} could be fetched.\n${refusals.join('\n')}`,
    {
      hint: 'Is there a network? A tree or a tarball that you have can be given: --source PATH.',
      details: { refusals },
    },
  );
}

function sourceOf(publisher: Publisher, locked: LockedSource): KernelSource {
  return {
    ...locked,
    title: `linux ${locked.version} from ${publisher.name}`,
    tree: (context) =>
      unpackedTree(locked.sha256, context, async () => {
        const tarball = await publisher.fetch(locked, context, { fresh: false });
        if (tarball.sha256 !== locked.sha256) throw sourceChanged(lockName(publisher), locked, tarball, context);
        return tarball.path;
      }),
  };
}

function lockName(publisher: Publisher): string {
  return `linux-${SERIES} from ${publisher.name}`;
}
