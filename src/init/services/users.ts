import { GUEST, inTree } from '../../core/guest-paths.ts';
import type { Tree } from '../../core/tree.ts';
import type { Service } from '../../spec/service.ts';
import { uidOf } from '../../spec/uid.ts';

/** The guest's users that services bring: lines for passwd, group and shadow, and a pattern of the lines that they replace. */
export function users(services: readonly Service[]): Tree {
  const byUser = new Map(services.filter(({ user }) => user !== 'root').map((service) => [service.user, service.name]));
  const lines = (line: (user: string, service: string) => string): string =>
    [...byUser].map(([user, service]) => `${line(user, service)}\n`).join('');
  const file = (name: string, content: string, mode = 0o644): Tree[number] => ({
    kind: 'file',
    path: inTree(`${GUEST.own}/users/${name}`),
    mode,
    content,
  });
  return [
    file(
      'passwd',
      lines((user, name) => `${user}:x:${uidOf(user)}:${uidOf(user)}:${name}:${GUEST.data}/${name}:/bin/sh`),
    ),
    file(
      'group',
      lines((user) => `${user}:x:${uidOf(user)}:`),
    ),
    file(
      'shadow',
      lines((user) => `${user}:!:20000::::::`),
      0o640,
    ),
    file('replaced', `(${[...byUser.keys(), 'no-such-user'].join('|')}):.*\n`),
  ];
}
