import { join } from 'node:path';
import { ownCommand } from '../../core/package-root.ts';
import { shellCommand } from '../../core/text/shell-quote.ts';
import { editShared } from '../../host/local/shared-file/edit-shared.ts';
import { joinedPaths } from '../../tailnet/node/joined.ts';
import type { VerbContext } from '../step.ts';

/** How the node is joined again. */
interface Again {
  readonly hostname: string | undefined;
  readonly loginServer: string | undefined;
  readonly isKept: boolean;
}

const MARK = '# vmkit tailnet join';

/** One line of ~/.profile, once: a login shell starts the node where it does not run, without waiting, and reads the variables of its proxy. */
export async function addToProfile(request: Again, context: VerbContext): Promise<void> {
  const words = [
    ...(request.isKept ? ['--keep'] : []),
    ...(request.hostname === undefined ? [] : [`--hostname=${request.hostname}`]),
    ...(request.loginServer === undefined ? [] : [`--login-server=${request.loginServer}`]),
  ];
  const start = shellCommand([...ownCommand(), 'tailnet', 'join', '--userspace', ...words]);
  const variables = shellCommand([joinedPaths(context.paths).variables]);
  await editProfile(`(${start} >/dev/null 2>&1 &); [ ! -r ${variables} ] || . ${variables} ${MARK}`, context);
}

/** The undo. Returns whether there was such a line. */
export function removeFromProfile(context: VerbContext): Promise<boolean> {
  return editProfile(undefined, context);
}

async function editProfile(line: string | undefined, context: VerbContext): Promise<boolean> {
  const { home } = await context.host.place();
  const profile = join(home, '.profile');
  if ((await context.host.stat(profile)) === undefined) {
    if (line === undefined) return false;
    await context.host.write(profile, '');
  }
  return editShared(profile, (text, missed) => withLine(text, missed, line), context.signal);
}

/** Lines that others added meanwhile come back at the end. Pure. */
export function withLine(
  text: string,
  missed: readonly { readonly from: string; readonly to: string }[],
  line: string | undefined,
): string {
  const lines = text.replace(/\n$/, '').split('\n');
  const known = new Set(lines);
  const theirs = missed.flatMap(({ from, to }) => {
    const was = new Set(from.split('\n'));
    return to.split('\n').filter((each) => each !== '' && !was.has(each) && !known.has(each));
  });
  const others = [...(text === '' ? [] : lines), ...theirs].filter((each) => !each.endsWith(MARK));
  const all = line === undefined ? others : [...others, line];
  return all.length === 0 ? '' : `${all.join('\n')}\n`;
}
