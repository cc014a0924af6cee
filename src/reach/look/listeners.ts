/** A listening TCP socket, of `ss -Hltn`. */
export interface Listener {
  /** `0.0.0.0`, `127.0.0.1`, `*`, `[::]`. */
  readonly address: string;
  readonly port: number;
  /** Connections that wait to be accepted, and how many may: more than that are not let in. */
  readonly waiting: number;
  readonly backlog: number;
}

/** ss(8): State, Recv-Q, Send-Q, Local Address:Port, Peer Address:Port. */
export function parseListeners(text: string): Listener[] {
  return text.split('\n').flatMap((line): Listener[] => {
    const [, waiting, backlog, local = ''] = line.trim().split(/\s+/);
    const at = local.lastIndexOf(':');
    if (at < 0) return [];
    const address = local.slice(0, at).replace(/%.*$/, '');
    return [{ address, port: Number(local.slice(at + 1)), waiting: Number(waiting), backlog: Number(backlog) }];
  });
}

/** Whether a connection to 127.0.0.1 gets there. `*` is a dual-stack socket. */
export function takesLoopback({ address }: Listener): boolean {
  return ['0.0.0.0', '*', '127.0.0.1', '[::ffff:127.0.0.1]'].includes(address);
}

/** Whether it is on every address, and so on the tailnet's, too. */
export function takesAll({ address }: Listener): boolean {
  return ['0.0.0.0', '*', '[::]'].includes(address);
}
