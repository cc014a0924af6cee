import { VmkitError } from '../errors/errors.ts';

/** Names of machines, services and ports: they become file names, user names and host names (RFC 1123). */
export const NAME = /^[a-z](?:[a-z0-9-]{0,29}[a-z0-9])?$/;

/** Throws `bad-name` for what is no name of a machine: every path of a machine is made from one, so `..` must never get through. */
export function requireName(name: string): void {
  if (NAME.test(name)) return;
  throw badName(`${JSON.stringify(name)} is not the name of a machine: at most 31 of a-z, 0-9 and -, a letter first.`);
}

/** The same for one part of a path that is no machine: an address, the name of a secret. */
export function requirePathPart(part: string): void {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(part)) return;
  throw badName(`${JSON.stringify(part)} cannot be the name of a file: letters, digits, - _ and . only.`);
}

function badName(text: string): VmkitError {
  return new VmkitError('usage', 'bad-name', text, { hint: 'vmkit ls shows the machines of this host.' });
}
