import { sha256 } from '../core/digest.ts';

const FIRST = 20_000;
const COUNT = 40_000;

/**
 * The numeric id of a service's user and group in the guest: a digest of the name, from 20000 to 59999, so that the same name has the same id for ever.
 * The data disk outlives the root image, and Debian's packages take whatever id is free.
 */
export function uidOf(user: string): number {
  if (user === 'root') return 0;
  return FIRST + (Number.parseInt(sha256(`vmkit user ${user}`).slice(0, 8), 16) % COUNT);
}

/**
 * The start of a command that a script of root's runs as a service's user; empty for root. By number: s6-setuidgid(8) looks the name up in
 * a program of its own, which costs 16 ms in a guest without KVM, where this costs 5.
 */
export function asUser(user: string): string {
  const id = uidOf(user);
  return id === 0 ? '' : `s6-applyuidgid -u ${id} -g ${id} -G '' `;
}
