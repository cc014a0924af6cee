/**
 * Which of the changes in a journal make a machine's interface on this host: its TAP or macvtap, the rules for it, and what it may reach. The interface has the
 * machine's name. Rules of two machines are named by both, so `nft:a-b` is the machine a-b's only if there is such an interface.
 */
export function changesOfTap(machine: string, ids: readonly string[]): readonly string[] {
  if (!ids.includes(`link:${machine}`)) return [];
  const others = ids.filter((id) => id.startsWith('port:')).map((id) => id.slice('port:'.length));
  const pairs = others.filter((other) => other !== machine).map((other) => pairId(machine, other));
  const own = [`link:${machine}`, `nft:${machine}`, `port:${machine}`, ...pairs];
  return ids.filter((id) => own.includes(id));
}

/** Names what lets two machines on the bridge exchange frames. */
export function pairId(one: string, other: string): string {
  return `nft:${[one, other].sort().join('-')}`;
}
