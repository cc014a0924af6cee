import type { ServeEntry } from '../../spec/service.ts';
import { servedFor } from '../checks/node.ts';
import type { Facts } from '../facts.ts';
import { parseListeners, takesAll } from '../look/guest/listeners.ts';

/**
 * The serve entry that leads to the service: the one that is there, else http on 80, which every control server allows and the tunnel encrypts; TCP for what
 * is no web service. A port that a service holds on all addresses, or that is served already, is not taken: 10000 more is.
 */
export function planServe(facts: Facts): ServeEntry {
  const there = servedFor(facts);
  if (there !== undefined) return there;
  const { port: to, protocol } = facts.target;
  return protocol === 'http'
    ? { as: 'http', port: freePort(facts, 80), to }
    : { as: 'tcp', port: freePort(facts, to), to };
}

function freePort({ guest }: Facts, wanted: number): number {
  const held = parseListeners(guest?.observed.get('listeners')?.output ?? '').filter(takesAll);
  const taken = new Set([...held.map(({ port }) => port), ...Object.keys(guest?.serve?.TCP ?? {}).map(Number)]);
  return [wanted, wanted + 10_000, wanted + 20_000].find((port) => !taken.has(port)) ?? wanted;
}

/** A line of the guest's file of exposed entries. */
export function exposedLine({ as, port, to }: ServeEntry): string {
  return `${as} ${port} ${to}`;
}

/** The entries in that file, each once: somebody may have reset serve by hand, and exposed the port again. */
export function parseExposed(text: string): ServeEntry[] {
  const lines = new Set(text.split('\n').map((line) => line.trim()));
  return [...lines].flatMap((line): ServeEntry[] => {
    const [, as, port, to] = /^(tcp|http|https) (\d+) (\d+)$/.exec(line) ?? [];
    if (as !== 'tcp' && as !== 'http' && as !== 'https') return [];
    return [{ as, port: Number(port), to: Number(to) }];
  });
}
