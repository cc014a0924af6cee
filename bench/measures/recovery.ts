import { setTimeout as sleep } from 'node:timers/promises';
import type { Measure, Row } from '../measure.ts';
import { type Dialler, machineWithPage, startDialler, type TailnetWorld, withTailnet } from '../tailnet-world.ts';

/** Served as TCP on this port, by both kinds of networking. */
const SERVED = 8443;

const node = (loginServer: string, mode: 'tun' | 'userspace'): string => `  - use: tailscale
    loginServer: ${loginServer}
    mode: ${mode}
    serve: [{ as: tcp, port: ${SERVED}, to: 3000 }]
`;

/** A machine under TUN and one with userspace networking, at the same time: what happens to the one happens to the other. */
const KINDS = ['tun', 'userspace'] as const;
type Kind = (typeof KINDS)[number];
type Seconds = Readonly<Record<Kind, number | undefined>>;

/** How long until a peer that dials all the time gets bytes again. */
export const recovery: Measure = {
  name: 'recovery',
  run: () =>
    withTailnet(
      (loginServer) =>
        new Map([
          ['tun', machineWithPage('192.168.100.5', node(loginServer, 'tun'))],
          ['userspace', machineWithPage('192.168.100.6', node(loginServer, 'userspace'))],
        ]),
      async (world) => {
        // The test's control server asks for the key of known nodes, too.
        await world.tailnet.control({ Do: 'key', Key: '' });
        const diallers = new Map<Kind, Dialler>();
        for (const kind of KINDS)
          diallers.set(kind, startDialler(world.tailnet.peer, await addressOf(world, kind), SERVED));
        const back = async (after: number): Promise<Seconds> => {
          const [tun, userspace] = await Promise.all(
            KINDS.map((kind) => diallers.get(kind)?.secondsUntilBack(after, 240)),
          );
          return { tun, userspace };
        };
        try {
          await back(Date.now());
          const short = await asleep(world, 60, back);
          const killed = await tailscaledKilled(world, back);
          const moved = await uplinkMoved(world, back);
          const long = await asleep(world, 900, back);
          const alone = await controlAway(world, 600, diallers);
          return [
            rowOf('the path is back after 60 s of sleep: TUN, userspace', short, 5, 'QEMU stopped and continued'),
            rowOf('after 15 min of sleep', long, undefined, 'QEMU stopped and continued'),
            rowOf('after tailscaled was killed (kill -9)', killed, undefined, 'in both guests'),
            rowOf(
              'after the uplink was away for 20 s and came back with another address',
              moved,
              undefined,
              "the host's only interface, its address and route",
            ),
            rowOf(
              'longest time without an answer while control was away for 10 min, and for 1 min after',
              alone,
              undefined,
              'the relay and the direct path stay',
            ),
          ];
        } finally {
          for (const dialler of diallers.values()) await dialler.stop();
        }
      },
    ),
};

async function addressOf({ vmkit }: TailnetWorld, machine: string): Promise<string> {
  return (await vmkit(['exec', machine, '--', 'tailscale', 'ip', '-4'])).stdout.trim();
}

async function asleep(
  world: TailnetWorld,
  seconds: number,
  back: (after: number) => Promise<Seconds>,
): Promise<Seconds> {
  const pids = await Promise.all(KINDS.map((kind) => world.pid(kind)));
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  await sleep(seconds * 1000);
  const woken = Date.now();
  for (const pid of pids) process.kill(pid, 'SIGCONT');
  return back(woken);
}

async function tailscaledKilled(world: TailnetWorld, back: (after: number) => Promise<Seconds>): Promise<Seconds> {
  const kill = 'kill -9 $(pidof tailscaled)';
  await Promise.all(KINDS.map((kind) => world.vmkit(['exec', kind, '--', 'sh', '-c', kill])));
  return back(Date.now());
}

/** As a laptop that goes to another network. */
async function uplinkMoved(world: TailnetWorld, back: (after: number) => Promise<Seconds>): Promise<Seconds> {
  const ip = (...args: string[]) => world.onHost(['ip', ...args]);
  await ip('link', 'set', 'eth0', 'down');
  await sleep(20_000);
  await ip('address', 'flush', 'dev', 'eth0');
  await ip('address', 'add', '10.99.0.77/24', 'dev', 'eth0');
  await ip('link', 'set', 'eth0', 'up');
  await ip('route', 'add', 'default', 'via', '10.99.0.1');
  return back(Date.now());
}

async function controlAway(
  world: TailnetWorld,
  seconds: number,
  diallers: ReadonlyMap<Kind, Dialler>,
): Promise<Seconds> {
  const from = Date.now();
  await world.tailnet.control({ Do: 'away', What: 'control', Away: true });
  await sleep(seconds * 1000);
  await world.tailnet.control({ Do: 'away', What: 'control', Away: false });
  await sleep(60_000);
  const gap = (kind: Kind): number | undefined => diallers.get(kind)?.longestGap(from, Date.now());
  return { tun: gap('tun'), userspace: gap('userspace') };
}

function rowOf(what: string, { tun, userspace }: Seconds, limit: number | undefined, how: string): Row {
  const text = (value: number | undefined): string =>
    value === undefined ? 'not within 4 min' : `${value.toFixed(1)} s`;
  return {
    what,
    measured: `${text(tun)}, ${text(userspace)}`,
    reach: limit === undefined ? 'comes back' : `<= ${limit.toFixed(1)} s under TUN`,
    met: tun !== undefined && userspace !== undefined && tun <= (limit ?? Number.POSITIVE_INFINITY),
    how,
  };
}
