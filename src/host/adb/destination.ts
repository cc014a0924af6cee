import { VmkitError } from '../../core/errors/errors.ts';

/** As whom we are on a phone: adb's own user, or root by su. */
export type AdbUser = 'shell' | 'root';

/** A phone that adb knows. */
export interface AdbDestination {
  readonly url: string;
  /** Absent: root where su gives it, else adb's own user. */
  readonly user: AdbUser | undefined;
  /** As `adb devices` lists it; absent: the only one there is. */
  readonly serial: string | undefined;
  /** Where adbd listens, for a serial that is one: 192.168.1.7:5555. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
}

const URL = /^adb:(?:(shell|root)@)?([A-Za-z0-9._:[\]%-]*)$/;
const ADDRESS = /^(\[[0-9A-Fa-f:.%A-Za-z0-9]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})$/;

/** Takes `adb:[shell@|root@][SERIAL]` apart; SERIAL may be HOST:PORT. Throws `bad-usage`. */
export function parseAdbUrl(url: string): AdbDestination {
  const [whole, user, serial = ''] = URL.exec(url) ?? [];
  const [, host, port] = ADDRESS.exec(serial) ?? [];
  if (whole === undefined || (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))) {
    throw new VmkitError('usage', 'bad-usage', 'A phone is given as adb:SERIAL, adb:HOST:PORT, or adb: alone.', {
      hint: 'SERIAL is the first column of `adb devices`. adb:root@SERIAL insists on root, adb:shell@SERIAL asks for none.',
    });
  }
  return {
    url,
    user: user === 'shell' || user === 'root' ? user : undefined,
    serial: serial === '' ? undefined : serial,
    address: host === undefined ? undefined : { host: host.replace(/^\[|\]$/g, ''), port: Number(port) },
  };
}
