/** A listening TCP socket, of `ss -Hltn`. */
export interface Listener {
  /** `0.0.0.0`, `127.0.0.1`, `*`, `[::]`. */
  readonly address: string;
  /** The one interface that it takes connections from (SO_BINDTODEVICE); undefined: any. */
  readonly device: string | undefined;
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
    const [address = '', device] = local
      .slice(0, at)
      .replace(/%([^\]]*)\]$/, ']%$1')
      .split('%');
    return [{ address, device, port: Number(local.slice(at + 1)), waiting: Number(waiting), backlog: Number(backlog) }];
  });
}

/** Whether a connection to 127.0.0.1 gets there. `*` is a dual-stack socket. */
export function takesLoopback({ address, device = 'lo' }: Listener): boolean {
  return device === 'lo' && ['0.0.0.0', '*', '127.0.0.1', '[::ffff:127.0.0.1]'].includes(address);
}

/** Whether it is on every address, and so on the tailnet's, too. */
export function takesAll({ address, device }: Listener): boolean {
  return device === undefined && ['0.0.0.0', '*', '[::]'].includes(address);
}

/** `127.0.0.1:3000`, `*%eth1:3000`. */
export function listenerText({ address, device, port }: Listener): string {
  return `${address}${device === undefined ? '' : `%${device}`}:${port}`;
}
