import type { Host } from '../host.ts';

/** The addresses of the name servers of a phone's default network: Android has no resolv.conf. A guest keeps those of its start. */
export async function phoneNameServers(host: Host): Promise<readonly string[]> {
  const said = await host
    .exec(['timeout', '5', 'dumpsys', 'connectivity'], { withinMs: 30_000 })
    .catch(() => undefined);
  return parseDumpedServers(said?.stdout ?? '');
}

/** `Active default network: 100`, and of that network `DnsAddresses: [ /192.168.1.1,/2001:db8::1 ]` (LinkProperties.toString in packages/modules/Connectivity). */
export function parseDumpedServers(text: string): readonly string[] {
  const network = /Active default network: (\d+)/.exec(text)?.[1];
  const line = text.split('\n').find((each) => each.includes(`NetworkAgentInfo{network{${network}}`)) ?? '';
  const servers = /DnsAddresses: \[ ?([^\]]*)\]/.exec(line)?.[1] ?? '';
  return servers
    .split(',')
    .map((each) => each.trim().replace(/^\//, ''))
    .filter((each) => each !== '');
}
