import type { Facts } from './check.ts';
import { servedFor } from './checks-node.ts';
import { parseListeners, takesAll } from './listeners.ts';
import type { Served } from './tailscale-json.ts';

/**
 * The serve entry that leads to the service: the one that is there, else https on 443 where the tailnet has certificates, else http on 80; TCP for what is
 * no web service. A port that is held by a service on all addresses, or served already, is not taken: 10000 more is.
 */
export function planServe(facts: Facts): Served {
  const there = servedFor(facts);
  if (there !== undefined) return there;
  const { port: to, isHttp } = facts.target;
  const hasCertificates = (facts.guest?.status?.CertDomains ?? []).length > 0;
  const web: Served = hasCertificates ? { as: 'https', port: 443, to } : { as: 'http', port: 80, to };
  const wanted: Served = isHttp ? web : { as: 'tcp', port: to, to };
  return { ...wanted, port: freePort(facts, wanted.port) };
}

function freePort({ guest }: Facts, wanted: number): number {
  const held = parseListeners(guest?.observed.get('listeners')?.output ?? '').filter(takesAll);
  const taken = new Set([...held.map(({ port }) => port), ...Object.keys(guest?.serve?.TCP ?? {}).map(Number)]);
  return [wanted, wanted + 10_000, wanted + 20_000].find((port) => !taken.has(port)) ?? wanted;
}

/** A line of the guest's file of exposed entries. */
export function exposedLine({ as, port, to }: Served): string {
  return `${as} ${port} ${to}`;
}

/** The entries in that file. */
export function parseExposed(text: string): Served[] {
  return text.split('\n').flatMap((line): Served[] => {
    const [, as, port, to] = /^(tcp|http|https) (\d+) (\d+)$/.exec(line.trim()) ?? [];
    if (as !== 'tcp' && as !== 'http' && as !== 'https') return [];
    return [{ as, port: Number(port), to: Number(to) }];
  });
}
