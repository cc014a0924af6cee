import type { Dial, NodeFacts, Target } from '../facts.ts';
import { type Drop, risen } from '../look/forward-drops.ts';
import type { Observation } from '../observation.ts';
import { broken, type Looked, said } from './check.ts';

/** Tailscale's own chain for forwarded packets (util/linuxfw). */
const TAILSCALE_CHAIN = 'ts-forward';

/**
 * What of a router's packet filter stopped a dial: a drop whose counter went up meanwhile; where nobody counts, the chains that drop. Undefined: the filter was
 * not seen, or has nothing that drops.
 */
export function whyDropped(node: NodeFacts, dial: Dial, target: Target): Looked | undefined {
  if (node.drops === undefined) return undefined;
  const { before, after } = node.drops;
  const proven = risen(before, after);
  const suspects =
    proven.length > 0 ? proven : after.filter(({ packets, table }) => packets === undefined && !isVmkits(table));
  const [first] = suspects;
  if (first === undefined) return undefined;
  const observed = suspects.map((drop) => textOf(drop, before)).join('; ');
  const seen: Observation = {
    vantage: node.machine === undefined ? 'host' : 'router',
    command: 'nft -j list ruleset (before and after the dial)',
    output: observed,
    exitCode: 0,
  };
  return broken(
    { ...problemOf(first, node, target), observed: `${observed}; ${said(dial.observation)}` },
    dial.observation,
    seen,
  );
}

function problemOf(drop: Drop, { title }: NodeFacts, target: Target): { cause: string; title: string; fix: string } {
  if (drop.chain === TAILSCALE_CHAIN && drop.isByState) {
    return {
      cause: 'stateful-filtering',
      title: `stateful filtering of ${title} drops the answers`,
      fix: 'tailscale set --stateful-filtering=false, there',
    };
  }
  if (isVmkits(drop.table)) {
    return {
      cause: 'bridge-closed',
      title: "the host's bridge lets nobody in from the tailnet",
      fix: `vmkit expose ${target.machine} --via subnet`,
    };
  }
  return {
    cause: 'host-firewall',
    title: `a firewall of ${title} drops forwarded packets`,
    fix: `Let it accept what goes to ${target.bridgeAddress} from the tailnet, and the answers: nft list table ${drop.table}`,
  };
}

function isVmkits(table: string): boolean {
  return table.startsWith('inet vmkit_');
}

function textOf({ id, table, chain, packets }: Drop, before: readonly Drop[]): string {
  if (packets === undefined) return `${table} ${chain} drops`;
  const was = before.find((each) => each.id === id)?.packets ?? 0;
  return `${table} ${chain} dropped ${packets - was} packets meanwhile`;
}
