import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../context.ts';
import { parseRoutes } from '../network/host-routes.ts';
import type { PhoneFacts } from './phone-network.ts';

/** What a phone has now. Changes nothing. Throws `host-unreadable`. */
export async function readPhone({ host, signal }: Context): Promise<PhoneFacts> {
  const options = { signal, withinMs: 30_000 };
  const read = async (...argv: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await host.exec(argv, options);
    if (exitCode === 0) return stdout;
    const text = `Looking at the network of ${host.name}: ${argv.join(' ')} failed: ${stderr.trim()}`;
    throw new VmkitError('host', 'host-unreadable', text, { hint: 'Run it there by hand, as root.' });
  };
  const holds = async (...argv: string[]): Promise<boolean> => (await host.exec(argv, options)).exitCode === 0;
  const hasIpv6 = await holds('test', '-e', '/proc/sys/net/ipv6/conf/all/forwarding');
  return {
    routes: parseRoutes(await read('ip', '-j', '-4', 'route', 'show', 'table', 'all')),
    rules: { ipv4: await read('ip', '-4', 'rule'), ipv6: hasIpv6 ? await read('ip', '-6', 'rule') : '' },
    hasIpv6,
    hasNat6: hasIpv6 && (await holds('ip6tables', '-w', '-t', 'nat', '-S', 'POSTROUTING')),
    tun: (await holds('test', '-e', '/dev/net/tun')) ? 'there' : 'elsewhere',
    hasDevNet: await holds('test', '-d', '/dev/net'),
  };
}
