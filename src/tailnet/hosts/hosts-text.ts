import type { Missed } from '../../host/local/shared-file/edit-shared.ts';
import type { NodeNames } from './node-names.ts';

export const BEGIN = '# Names of the tailnet, by vmkit tailnet hosts: it replaces the lines up to the end.';
export const END = '# End of the names of the tailnet.';

/** A name that a line outside of the block has already, for an address that is not the node's. */
export interface Conflict {
  readonly name: string;
  /** Of the line that somebody wrote. */
  readonly written: string;
  readonly line: string;
  /** The node's. */
  readonly addresses: readonly string[];
}

export interface HostsEdit {
  readonly text: string;
  readonly conflicts: readonly Conflict[];
}

/**
 * A hosts file (hosts(5)) with these nodes in vmkit's block, and every other line as it was. The block stays where it is; a new one comes to the end, and without
 * nodes there is none. A name that a person's line has stays theirs: the block leaves it out. Pure, and the same again when it is applied to its own result.
 */
export function withNodes(text: string, nodes: readonly NodeNames[]): HostsEdit {
  const { before, after } = split(text);
  const written = writtenNames([...before, ...after]);
  const conflicts: Conflict[] = [];
  const lines = nodes.flatMap(({ addresses, names }) => {
    const free = names.filter((name) => {
      const theirs = written.get(name) ?? [];
      const other = theirs.find(({ address }) => !addresses.includes(address));
      if (other !== undefined) conflicts.push({ name, written: other.address, line: other.line, addresses });
      return theirs.length === 0;
    });
    return free.length === 0 ? [] : addresses.map((address) => `${address}\t${free.join(' ')}`);
  });
  const block = lines.length === 0 ? [] : [BEGIN, ...lines, END];
  return { text: join(before, block, after), conflicts };
}

/** The same where others wrote between: their lines come in first. Pure. */
export function editHosts(text: string, missed: readonly Missed[], nodes: readonly NodeNames[]): HostsEdit {
  const whole = missed.reduce((now, { from, to }) => withChanges(now, lineChanges(from, to)), text);
  return withNodes(whole, nodes);
}

/** The lines that are not vmkit's. */
export function linesOutside(text: string): readonly string[] {
  const { before, after } = split(text);
  return [...before, ...after];
}

/** A text with those lines added that it lacks, and without those that were taken away, wherever they are but in the block. Pure. */
function withChanges(text: string, { added, removed }: LineChanges): string {
  const { before, block, after } = split(text);
  const gone = new Set(removed);
  const keep = (lines: readonly string[]): string[] => lines.filter((line) => !gone.has(line));
  const kept = [keep(before), keep(after)] as const;
  const there = new Set(kept.flat());
  const missing = added.filter((line) => !there.has(line));
  const [first, last] = kept;
  return block.length === 0 ? join([...first, ...missing], [], last) : join(first, block, [...last, ...missing]);
}

interface LineChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** What somebody changed outside of the block. Pure. */
function lineChanges(from: string, to: string): LineChanges {
  const [old, now] = [linesOutside(from), linesOutside(to)];
  const [oldSet, nowSet] = [new Set(old), new Set(now)];
  const added = now.filter((line) => line.trim() !== '' && !oldSet.has(line));
  return { added, removed: old.filter((line) => line.trim() !== '' && !nowSet.has(line)) };
}

interface Parts {
  readonly before: readonly string[];
  readonly block: readonly string[];
  readonly after: readonly string[];
}

/** A begin without its end is somebody's doing: only that line is vmkit's then. Further blocks, as of a copy, are taken out, too. */
function split(text: string): Parts {
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  const before: string[] = [];
  const after: string[] = [];
  let block: readonly string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (line === BEGIN) {
      const next = lines.findIndex((each, index) => index > at && (each === BEGIN || each === END));
      const isWhole = lines[next] === END;
      block = block.length > 0 ? block : isWhole ? lines.slice(at, next + 1) : [BEGIN, END];
      if (isWhole) at = next;
    } else if (line !== END) {
      (block.length === 0 ? before : after).push(line);
    }
  }
  return { before, block, after };
}

function join(...parts: readonly (readonly string[])[]): string {
  const lines = parts.flat();
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function writtenNames(lines: readonly string[]): Map<string, { address: string; line: string }[]> {
  const found = new Map<string, { address: string; line: string }[]>();
  for (const line of lines) {
    const [address = '', ...names] = (line.split('#')[0] ?? '').trim().split(/\s+/);
    for (const name of names) {
      const key = name.toLowerCase();
      found.set(key, [...(found.get(key) ?? []), { address, line: line.trim() }]);
    }
  }
  return found;
}
