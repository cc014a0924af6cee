import type { Config } from '../kconfig/config-text.ts';
import { DEAD_ALONE, type DeadAlone } from './dead-alone.ts';

/** The options that are on in a configuration, y or m, and do nothing because none of their partners is. */
export function findDead(config: Config): readonly DeadAlone[] {
  return DEAD_ALONE.filter(
    ({ symbol, anyOf }) => isOn(config.get(symbol)) && !anyOf.some((partner) => isThere(partner, config)),
  );
}

/** For people: `NF_LOG_SYSLOG or NETFILTER_NETLINK_LOG`; a long list ends in `...`. */
export function partnersText({ anyOf }: Pick<DeadAlone, 'anyOf'>): string {
  const shown = anyOf.slice(0, 4).map((partner) => partner.replace(/^(\w+):(.*)$/, '"$2" in $1'));
  return [...shown, ...(anyOf.length > 4 ? ['...'] : [])].join(' or ');
}

/** Whether a symbol would bring this one to life. */
export function isPartner(symbol: string, { anyOf }: Pick<DeadAlone, 'anyOf'>): boolean {
  return anyOf.some((partner) => matches(symbol, partner));
}

function isThere(partner: string, config: Config): boolean {
  const [symbol = '', word] = partner.split(':');
  // A .config without the list leaves it to the kernel's default.
  if (word !== undefined) return new RegExp(`\\b${word}\\b`).test(config.get(symbol) ?? word);
  return [...config].some(([name, value]) => matches(name, symbol) && isOn(value));
}

function matches(symbol: string, partner: string): boolean {
  return partner.endsWith('*') ? symbol.startsWith(partner.slice(0, -1)) : symbol === partner;
}

function isOn(value: string | undefined): boolean {
  return value === 'y' || value === 'm';
}
