import { z } from 'zod';
import { shellCommand } from '../../core/text/shell-quote.ts';

const argv = z.array(z.string()).min(1);

export const commandSchema = z.object({ argv, input: z.string().optional() }).readonly();

/** Holds when the command exits with 0 and, where `prints` is given, prints these lines, whole and in a row. */
export const probeSchema = z.object({ argv, prints: z.string().optional(), needsRoot: z.boolean() }).readonly();

/** A command that runs as root; `input` is its standard input. */
export type Command = z.infer<typeof commandSchema>;
export type Probe = z.infer<typeof probeSchema>;

/**
 * One thing done to a host: a pure value, so that it can be shown, kept in the journal, and undone by another process.
 * `undo` restores the former state from any point between the commands of `apply`, wherever `isApplied` holds;
 * where it does not hold, nothing is left to undo.
 */
export interface Change {
  /** Names the thing that is changed: `link:vmkit0`. */
  readonly id: string;
  readonly title: string;
  readonly apply: readonly Command[];
  readonly undo: readonly Command[];
  readonly isApplied: Probe;
  /**
   * What it means when `isApplied` holds and the journal knows of nothing: another owner, a wish already fulfilled, or a wish that its owner may take back:
   * then it is made again, and is vmkit's from then on.
   */
  readonly whenFound: 'refuse' | 'keep' | 'adopt';
  /** Where `apply` brings a thing that another vmkit made to what this one wants, in place, and again if need be. Else it is refused. */
  readonly isRenewable?: boolean;
  /** Kept by a firewall's own files. All else is gone after a reboot, and its entry in the journal with it. */
  readonly outlivesReboot: boolean;
}

/** What is true of a thing that nobody but vmkit makes. */
export function ours(id: string, title: string): Pick<Change, 'id' | 'title' | 'whenFound' | 'outlivesReboot'> {
  return { id, title, whenFound: 'refuse', outlivesReboot: false };
}

export function linkExists(name: string): Probe {
  return { argv: ['test', '-e', `/sys/class/net/${name}`], needsRoot: false };
}

/** A command as a person pastes it into a POSIX shell. */
export function shellText({ argv, input }: Command, isRoot: boolean): string {
  const line = shellCommand(isRoot ? argv : ['sudo', ...argv]);
  return input === undefined ? line : `${line} <<'EOF'\n${input.trimEnd()}\nEOF`;
}
