import type { Change, Command } from '../changes/change.ts';
import { tableName } from './bridge-nft.ts';

export function routedId(machine: string): string {
  return `routed:${machine}`;
}

/** What comes in by this interface, a tunnel, is forwarded to a machine on vmkit's bridge; the bridge lets nobody else in. */
export function routedChange(machine: string, link: string, address: string): Change {
  const set = ['element', 'inet', tableName({ name: 'vmkit' }), 'routed', `{ "${link}" . ${address} }`];
  const nft = (verb: string): Command => ({ argv: ['nft', verb, ...set] });
  return {
    id: routedId(machine),
    title: `the bridge lets ${link} reach ${machine}, ${address}`,
    apply: [nft('add')],
    undo: [nft('delete')],
    isApplied: { argv: nft('get').argv, needsRoot: true },
    whenFound: 'keep',
    outlivesReboot: true,
  };
}
