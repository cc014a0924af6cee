import { VmkitError } from '../../core/errors/errors.ts';

/** Where ssh logs in. What is absent, a person's own ssh configuration says. */
export interface SshDestination {
  readonly url: string;
  /** A name or an address, or an alias of the ssh configuration. */
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
}

const NAME = '[A-Za-z0-9_][A-Za-z0-9_.-]*';
// IPv6 addresses stand in brackets, with or without a zone (RFC 6874).
const URL = new RegExp(`^ssh://(?:(${NAME})@)?(?:(${NAME})|\\[([0-9A-Fa-f:.]+(?:%${NAME})?)\\])(?::([0-9]{1,5}))?/?$`);

/** Takes `ssh://[USER@]HOST[:PORT]` apart. Nothing in it can be an option of ssh, or more than one word. Throws `bad-usage`. */
export function parseSshUrl(url: string): SshDestination {
  const [, user, name, address, port] = URL.exec(url) ?? [];
  const host = name ?? address;
  const number = port === undefined ? undefined : Number(port);
  if (host === undefined || (number !== undefined && (number < 1 || number > 65_535))) {
    // A password that somebody wrote into it is not repeated.
    throw new VmkitError(
      'usage',
      'bad-usage',
      'A host is given as ssh://[USER@]HOST[:PORT], without a password or a path.',
      {
        hint: 'All else, such as another key or a jump host, belongs into ~/.ssh/config; HOST may be an alias from there.',
      },
    );
  }
  return { url, host, user, port: number };
}
