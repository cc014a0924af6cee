/** Where a connection or a datagram goes: an address, or a name, and a port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}
