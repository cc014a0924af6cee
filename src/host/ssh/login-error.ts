import type { ErrorCode } from '../../core/errors/error-codes.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { SshDestination } from './destination.ts';

/** What OpenSSH's client says, and what it means. The first that fits. */
const REASONS: readonly { said: RegExp; code: ErrorCode; what: string; hint: (ssh: string) => string }[] = [
  {
    said: /REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .* has changed/i,
    code: 'ssh-host-key-changed',
    what: 'its host key is another one than known_hosts has; nothing was sent',
    hint: () => 'Was it installed anew? Compare the fingerprint with its owner, then ssh-keygen -R HOST.',
  },
  {
    said: /Host key verification failed|No .* host key is known for/,
    code: 'ssh-host-key-unknown',
    what: 'its host key is not in known_hosts',
    hint: (ssh) => `${ssh} once, by hand: it shows the fingerprint and asks.`,
  },
  {
    said: /Permission denied|Too many authentication failures/,
    code: 'ssh-denied',
    what: 'it does not let us in: no such user there, or none of our keys',
    hint: (ssh) =>
      `${ssh} must work without a question: a key in the agent, and its public half there in ~/.ssh/authorized_keys.`,
  },
  {
    said: /Could not resolve hostname/,
    code: 'ssh-no-such-host',
    what: 'the name has no address',
    hint: () => 'Is the name right, and does this computer have a network?',
  },
  {
    said: /Connection refused/,
    code: 'ssh-refused',
    what: 'nothing listens on that port',
    hint: () => 'Does sshd run there, and on another port? ssh://HOST:PORT.',
  },
  {
    said: /timed out|No route to host|Network is unreachable/i,
    code: 'ssh-timeout',
    what: 'no answer',
    hint: () => 'Is it on, and is a firewall in between?',
  },
];

export interface ShellEnd {
  readonly how: string;
  /** What was said outside of a command's output. */
  readonly noise: string;
  readonly hasStarted: boolean;
  readonly title: string;
}

/** Why a login did not lead to a shell, or a connection ended in the middle of something. */
export function explainSshEnd(destination: SshDestination, { how, noise, hasStarted, title }: ShellEnd): VmkitError {
  const { url } = destination;
  const ssh = `ssh ${url}`;
  const said = lastLines(noise);
  if (how.includes('ENOENT')) {
    return new VmkitError('tool', 'tool-missing', `Logging in to ${url}: there is no program ssh here.`, {
      hint: "Install OpenSSH's client: openssh-client.",
    });
  }
  // ssh says why a login failed; it says nothing where the connection went away under it.
  if (hasStarted || (how === 'exit code 255' && said === '')) {
    return new VmkitError(
      'unreachable',
      'ssh-connection-lost',
      `${url}: the connection was lost during ${title}: ${said || how}`,
      {
        hint: 'Whether it was done there is not known. Run the same again.',
      },
    );
  }
  const reason = REASONS.find((each) => each.said.test(noise));
  if (reason !== undefined) {
    return new VmkitError('unreachable', reason.code, `Logging in to ${url}: ${reason.what}.\n${said}`.trim(), {
      hint: reason.hint(ssh),
    });
  }
  // ssh is silent about one thing only: that the connection which it shared has ended (mux_client_request_session).
  if (how === 'exit code 255' && said === '') {
    return new VmkitError('unreachable', 'ssh-connection-lost', `${url}: the connection was lost during ${title}.`, {
      hint: `Run the same again. If it stays, ${ssh} must work without a question.`,
    });
  }
  // 255 is ssh's own failure (ssh(1), EXIT STATUS); any other is that of the login shell.
  if (how === 'exit code 255' || how.startsWith('signal')) {
    return new VmkitError('unreachable', 'ssh-failed', `Logging in to ${url}: ${said || how}`, {
      hint: `${ssh} must work without a question.`,
    });
  }
  return new VmkitError(
    'unreachable',
    'ssh-no-shell',
    `Logging in to ${url} works, but no POSIX shell runs there: ${said || how}`,
    {
      hint: `${ssh} sh -c true must work: is the login shell of that user one that takes commands?`,
    },
  );
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-4).join('\n').trim();
}
