import { VmkitError } from '../core/errors/errors.ts';
import { networkOf } from '../spec/networks/networks.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import type { Target } from './facts.ts';

/**
 * The port that ways in lead to: of the service that is named, else of the first that speaks HTTP, else of the first that has one. Throws `no-port`.
 */
export function targetOf(spec: VmSpec, serviceName: string | undefined): Target {
  const ports = spec.services
    .filter(({ name }) => (serviceName === undefined ? name !== 'ssh' : name === serviceName))
    .flatMap(({ name, ports }) => ports.map((port) => ({ service: name, ...port })))
    .filter(({ protocol }) => protocol !== 'udp');
  const chosen = ports.find(({ protocol }) => protocol === 'http') ?? ports[0];
  if (chosen === undefined) {
    const names = spec.services.filter(({ ports }) => ports.length > 0).map(({ name }) => name);
    const what = serviceName === undefined ? 'No service' : `The service ${serviceName}`;
    throw new VmkitError('usage', 'no-port', `${what} of ${spec.name} has a port to reach.`, {
      hint: `Services with ports: ${names.join(', ')}.`,
    });
  }
  const bridgeAddress = networkOf(spec.network).routed;
  const { service: name, port, hostPort, protocol } = chosen;
  return { machine: spec.name, name, port, hostPort, protocol, bridgeAddress };
}
