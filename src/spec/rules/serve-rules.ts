import type { Finding } from '../problem.ts';
import type { ServiceEntry } from '../read/read-service.ts';
import type { Service } from '../service.ts';
import { tailscaleHosts } from '../services/tailscale/tailscale-hosts.ts';
import { tailscaleServe } from '../services/tailscale/tailscale-serve.ts';

/** What a node serves must be there, and its ports must be free: services listen on all addresses, and under TUN tailscaled binds the tailnet address. */
export function checkServes(entries: readonly ServiceEntry[]): Finding[] {
  const services = entries.flatMap(({ service }) => service ?? []);
  return entries.flatMap(({ service, path }) =>
    (service?.node?.serve ?? []).flatMap((entry, index): Finding[] => {
      const at = [...path, 'serve', index];
      const holder = ownerOf(services, entry.port);
      const clash: Finding = {
        path: [...at, 'port'],
        message: `port ${entry.port} is held by ${holder} on 0.0.0.0, which is the tailnet address, too`,
        hint: `Serve it on another port: { port: ${entry.port === 443 ? 8443 : 443}, to: ${entry.to} }`,
      };
      const unknown: Finding = {
        path: [...at, 'to'],
        message: `no service of this machine has the port ${entry.to}`,
        hint: `Ports here: ${services.flatMap(({ name, ports }) => ports.map(({ port }) => `${port} (${name})`)).join(', ')}.`,
      };
      return [
        ...(holder === undefined ? [] : [clash]),
        ...(ownerOf(services, entry.to) === undefined ? [unknown] : []),
      ];
    }),
  );
}

/** The services, and for a node of a tailnet those that apply what it serves and write its names. */
export function withServe(services: readonly Service[]): Service[] {
  return services.flatMap((service) => {
    if (service.node === undefined) return [service];
    const { serve, writesHosts } = service.node;
    const owners = serve.flatMap(({ to }) => ownerOf(services, to) ?? []);
    return [service, tailscaleServe(serve, [...new Set(owners)]), ...(writesHosts ? [tailscaleHosts()] : [])];
  });
}

function ownerOf(services: readonly Service[], port: number): string | undefined {
  return services.find(({ ports }) => ports.some((each) => each.protocol !== 'udp' && each.port === port))?.name;
}
