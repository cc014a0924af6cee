import { join } from 'node:path';
import { ofPrograms } from '../endpoint.ts';
import type { Host } from '../host.ts';
import { childShell } from '../shell/session/child-shell.ts';
import { shellHost } from '../shell/shell-host.ts';
import { agentEnvironment } from './agent.ts';
import { controlFolder } from './control-folder.ts';
import { parseSshUrl } from './destination.ts';
import { openBySsh } from './forward.ts';
import { explainSshEnd } from './login-error.ts';
import { realAddress } from './real-address.ts';
import { shellArgv } from './ssh-argv.ts';

/** Another machine, by OpenSSH's own client: a person's configuration, agent, keys, jump hosts and known hosts count. Logs in when it is first asked something. */
export function sshHost(url: string): Host {
  const destination = parseSshUrl(url);
  const controlPath = (): string => join(controlFolder(), '%C');
  const host = shellHost({
    name: url,
    startShell: () => childShell(shellArgv(destination, controlPath()), agentEnvironment()),
    explain: (end) => explainSshEnd(destination, end),
  });
  // Any question logs in where the connection is gone, and says why where it does not.
  const logIn = async (): Promise<void> => void (await host.programs([]));
  return {
    ...host,
    address: () => realAddress(destination),
    open: async (to) => openBySsh(destination, controlPath(), ofPrograms(to), logIn),
  };
}
