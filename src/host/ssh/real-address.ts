import type { HostAddress } from '../host.ts';
import { runProcess } from '../local/process/process.ts';
import { agentEnvironment } from './agent.ts';
import type { SshDestination } from './destination.ts';
import { configurationArgv } from './ssh-argv.ts';

/** The computer that a destination stands for: HOST may be an alias, which only a person's ssh configuration knows. */
export async function realAddress(destination: SshDestination): Promise<HostAddress> {
  const { stdout } = await runProcess(configurationArgv(destination), { withinMs: 20_000, env: agentEnvironment() });
  return readAddress(stdout, destination.host);
}

/** Of what `ssh -G` printed; `asked` where it says nothing. */
export function readAddress(configuration: string, asked: string): HostAddress {
  const options = new Map(
    configuration.split('\n').map((line): [string, string] => {
      const [name = '', ...words] = line.trim().split(' ');
      return [name, words.join(' ')];
    }),
  );
  const isDirect = ['proxyjump', 'proxycommand'].every((name) => (options.get(name) ?? 'none') === 'none');
  return { name: options.get('hostname') || asked, isDirect };
}
