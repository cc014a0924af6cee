import type { Device } from '../../tailnet/control/control.ts';

/** A node, and why it may be one that nobody misses. */
export interface ListedDevice extends Device {
  /** The name of the node that took its place: the same machine joined again, and got `name-1`. */
  readonly replacedBy: string | undefined;
  /** Whether it was not seen for so long as was asked. */
  readonly isStale: boolean;
}

/**
 * Recognises what joining again leaves behind. A control server names a second node of one hostname `web-1`, the next `web-2`; of those that call themselves the same, the one that was
 * seen last is the machine, and the others are what it was. `now` and `staleMs` in milliseconds. Pure.
 */
export function listDevices(devices: readonly Device[], now: number, staleMs: number): readonly ListedDevice[] {
  return devices.map((device) => {
    const family = devices.filter((other) => other.hostname === device.hostname && isOfOneName(other, device));
    const newest = family.reduce((one, other) => (seen(other) > seen(one) ? other : one), device);
    const isReplaced = newest !== device && device.isOnline !== true;
    return {
      ...device,
      replacedBy: isReplaced ? newest.name : undefined,
      isStale: device.isOnline !== true && now - (device.lastSeen ?? 0) > staleMs,
    };
  });
}

/** `web`, `web-1` and `web-2` of the hostname `web`. */
function isOfOneName(one: Device, other: Device): boolean {
  const stem = ({ name, hostname }: Device): string =>
    name.startsWith(hostname) && /^(-\d+)?$/.test(name.slice(hostname.length)) ? hostname : name;
  return one.hostname !== '' && stem(one) === stem(other);
}

function seen({ isOnline, lastSeen }: Device): number {
  return isOnline === true ? Number.POSITIVE_INFINITY : (lastSeen ?? 0);
}
