import { GUEST } from '../core/guest-paths.ts';

/** What a guest has used so far, as its kernel counts it. */
export interface GuestUsage {
  /** Of the guest's clock, which stands still while the guest does. */
  readonly atSeconds: number;
  readonly network: { readonly receivedBytes: number; readonly sentBytes: number };
  readonly disk: { readonly readBytes: number; readonly writtenBytes: number };
  readonly data: { readonly usedBytes: number; readonly totalBytes: number };
  readonly services: readonly { readonly name: string; readonly cpuSeconds: number; readonly memoryBytes: number }[];
}

/** Bytes of a sector in /proc/diskstats, whatever the disk's own are (linux: Documentation/admin-guide/iostats.rst). */
const SECTOR = 512;

/**
 * A script for a guest that prints what `parseUsage` reads, by built-ins but for df(1): control groups of services (init/services/memory-group.ts), /proc/net/dev,
 * /proc/diskstats.
 */
export function usageScript(): string {
  return `read -r now _ </proc/uptime
echo "at $now"
while read -r card received _ _ _ _ _ _ _ sent _; do
  case $card in lo:) ;; *:) echo "network $received $sent" ;; esac
done </proc/net/dev
read -r device _ <<EOF
$(df -P ${GUEST.data} | tail -n 1)
EOF
while read -r _ _ name _ _ read _ _ _ written _; do
  [ "/dev/$name" != "$device" ] || echo "disk $read $written"
done </proc/diskstats
df -P -B 1 ${GUEST.data} | tail -n 1 | while read -r _ total used _; do echo "data $used $total"; done
for group in /sys/fs/cgroup/service.*; do
  [ -e "$group/cpu.stat" ] || continue
  read -r _ cpu <"$group/cpu.stat"
  read -r memory <"$group/memory.current"
  echo "service \${group##*/service.} $cpu $memory"
done
`;
}

export function parseUsage(text: string): GuestUsage {
  const lines = text.split('\n').map((line) => line.split(' '));
  const numbersOf = (key: string): readonly number[][] =>
    lines.filter(([first]) => first === key).map(([, ...rest]) => rest.map(Number));
  const sum = (key: string, at: number): number => numbersOf(key).reduce((all, line) => all + (line[at] ?? 0), 0);
  return {
    atSeconds: sum('at', 0),
    network: { receivedBytes: sum('network', 0), sentBytes: sum('network', 1) },
    disk: { readBytes: sum('disk', 0) * SECTOR, writtenBytes: sum('disk', 1) * SECTOR },
    data: { usedBytes: sum('data', 0), totalBytes: sum('data', 1) },
    services: lines.flatMap(([key, name = '', cpu, memory]) =>
      key === 'service' ? [{ name, cpuSeconds: Number(cpu) / 1e6, memoryBytes: Number(memory) }] : [],
    ),
  };
}

export interface UsageRates {
  readonly received: number;
  readonly sent: number;
  readonly read: number;
  readonly written: number;
  /** Of one processor: 1 is a whole one. */
  readonly services: readonly { readonly name: string; readonly cpu: number; readonly memoryBytes: number }[];
}

/** What was used between two looks, a second. Pure. */
export function ratesOf(before: GuestUsage, after: GuestUsage): UsageRates {
  const seconds = Math.max(0.01, after.atSeconds - before.atSeconds);
  const rate = (then: number, now: number): number => Math.max(0, now - then) / seconds;
  return {
    received: rate(before.network.receivedBytes, after.network.receivedBytes),
    sent: rate(before.network.sentBytes, after.network.sentBytes),
    read: rate(before.disk.readBytes, after.disk.readBytes),
    written: rate(before.disk.writtenBytes, after.disk.writtenBytes),
    services: after.services.map(({ name, cpuSeconds, memoryBytes }) => {
      const then = before.services.find((service) => service.name === name)?.cpuSeconds ?? cpuSeconds;
      return { name, cpu: rate(then, cpuSeconds), memoryBytes };
    }),
  };
}
