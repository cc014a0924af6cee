/** A server that a host's programs reach: a TCP port of its 127.0.0.1, or of the IPv4 address `at`; a unix socket. */
export type ProgramEndpoint = { readonly tcp: number; readonly at?: string } | { readonly unix: string };

/** A server that a host reaches; beside the above a port of a guest without a network card, by the guest's address on vsock. */
export type HostEndpoint = ProgramEndpoint | VsockEndpoint;

export interface VsockEndpoint {
  readonly vsock: number;
  readonly port: number;
}

/** For people. */
export function endpointName(to: HostEndpoint): string {
  if ('vsock' in to) return `vsock ${to.vsock}:${to.port}`;
  return 'tcp' in to ? `${to.at ?? '127.0.0.1'}:${to.tcp}` : to.unix;
}

/** Of hosts that start no machine which is reached over vsock. */
export function ofPrograms(to: HostEndpoint): ProgramEndpoint {
  if ('vsock' in to) throw new TypeError(`${endpointName(to)} is reached by adb alone.`);
  return to;
}
