import type { Device } from '../../tailnet/control/control.ts';

/** `web (100.64.0.3, online)`. */
export function deviceText({ name, addresses, isOnline }: Device): string {
  return `${name} (${[...addresses, ...(isOnline === true ? ['online'] : [])].join(', ')})`;
}
