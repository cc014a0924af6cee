/** What a machine's image is in bytes: what it has alone, and blobs that it shares with others, by digest. */
export interface MeasuredImage {
  readonly name: string;
  readonly blobs: ReadonlyMap<string, number>;
}

export interface Fleet {
  /** What is pulled by all hosts together, in bytes: each host has a blob once. */
  readonly pulled: number;
  /** The same without sharing: each machine's image whole. */
  readonly whole: number;
  /** By the host that pulls most. */
  readonly largestHost: number;
  /** What the registry holds. */
  readonly kept: number;
}

/** Machines of these kinds, one after the other, dealt to hosts in turn. Pure. */
export function simulateFleet(images: readonly MeasuredImage[], machines: number, hosts: number): Fleet {
  const there = Array.from({ length: hosts }, () => new Map<string, number>());
  let whole = 0;
  for (let machine = 0; machine < machines; machine += 1) {
    // Whole rounds of hosts have one kind each, so that every host has every kind.
    const image = images[Math.floor(machine / hosts) % images.length];
    const host = there[machine % hosts];
    if (image === undefined || host === undefined) throw new RangeError('A fleet without images or hosts.');
    for (const [digest, bytes] of image.blobs) {
      host.set(digest, bytes);
      whole += bytes;
    }
  }
  const sizes = there.map((blobs) => sum([...blobs.values()]));
  const kept = sum([...new Map(images.flatMap(({ blobs }) => [...blobs])).values()]);
  return { pulled: sum(sizes), whole, largestHost: Math.max(...sizes), kept };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
