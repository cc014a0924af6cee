import { VmkitError } from '../core/errors.ts';
import { shellCommand } from '../core/shell-quote.ts';
import type { Host } from './host.ts';
import { runProcess } from './process.ts';

/** What ssh itself ends with when it could not connect or log in (ssh(1), EXIT STATUS). */
const SSH_FAILED = 255;

/**
 * Another machine, by OpenSSH's own client: a person's configuration, agent and known hosts count, and nothing is asked (BatchMode). `url` is
 * `ssh://[USER@]HOST[:PORT]`, as ssh(1) takes it. Throws `ssh-failed` where it cannot log in.
 */
export function sshClient(url: string): Pick<Host, 'name' | 'exec'> {
  const options = ['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=10'];
  return {
    name: url,
    exec: async (argv, execOptions) => {
      const result = await runProcess(['ssh', ...options, '--', url, shellCommand(argv)], execOptions);
      if (result.exitCode !== SSH_FAILED) return result;
      throw new VmkitError('unreachable', 'ssh-failed', `Logging in to ${url}: ${result.stderr.trim()}`, {
        hint: `ssh ${url} must work without a question: a key in the agent, the host in known_hosts.`,
      });
    },
  };
}
