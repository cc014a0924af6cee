import { watch } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { localHost } from '../../host/local/local.ts';
import { type NetworkMember, peersOf, readMembers } from './network-members.ts';
import { forwardFrame } from './private-switch.ts';
import { keepLinks, type OpenLinks } from './switch-links.ts';

/** With no machine on for so long, a switch ends; the next boot starts another one. */
const IDLE_MS = 60_000;

/**
 * The switch of a private network: frames between the machines whose files are in `membersDir`, until none is on any more. Machines come and go
 * while it runs.
 */
export async function runSwitch(membersDir: string, signal: AbortSignal): Promise<void> {
  const open: OpenLinks = new Map();
  const ends = new Map<string, AbortController>();
  let members: readonly NetworkMember[] = [];
  const forward = (from: string, frame: Uint8Array): readonly string[] => {
    const sender = members.find(({ name }) => name === from);
    if (sender === undefined) return [];
    return forwardFrame(frame, sender, peersOf(sender, members)).to.map(({ name }) => name);
  };
  const refresh = async (): Promise<void> => {
    members = await readMembers(membersDir, { host: localHost() });
    for (const { name, socket } of members) {
      if (ends.has(name)) continue;
      const end = new AbortController();
      ends.set(name, end);
      void keepLinks([{ name, socketPath: socket }], forward, end.signal, open);
    }
    for (const [name, end] of ends) {
      if (members.some((member) => member.name === name)) continue;
      end.abort();
      ends.delete(name);
    }
  };
  const ended = new AbortController();
  signal.addEventListener('abort', () => ended.abort(), { once: true });
  // One after the other, and one for each change: the promises' watch of Node 20 loses what changes while the last change is looked at.
  let refreshed = Promise.resolve();
  const refreshNext = (): void => {
    refreshed = refreshed.then(refresh);
  };
  watch(membersDir, { signal: ended.signal }, refreshNext);
  refreshNext();
  await endWhenIdle(open, ended);
  await refreshed;
  for (const end of ends.values()) end.abort();
}

async function endWhenIdle(open: OpenLinks, ended: AbortController): Promise<void> {
  let idleSince = performance.now();
  while (!ended.signal.aborted) {
    await wait(5_000, undefined, { signal: ended.signal }).catch(() => undefined);
    if (open.size > 0) idleSince = performance.now();
    if (performance.now() - idleSince > IDLE_MS) ended.abort();
  }
}
