import { readFile } from 'node:fs/promises';
import type { Measure, Row } from '../measure.ts';
import { OVERLAYS, type Overlays, overlayClients } from '../overlay-clients.ts';
import { machineWithPage, PAGE_BYTES, type TailnetWorld, withTailnet } from '../tailnet-world.ts';
import { tailscale } from './ways.ts';

const SERVE = 'serve: [{ as: tcp, port: 8443, to: 3000 }]';
const ROUNDS = 3;

/** A way, and how the peer goes there; `from` is the namespace that fetches. */
interface Lane {
  readonly name: string;
  readonly from: 'host' | 'peer';
  readonly address: string;
  /** Before each round: which of two routers has the route. */
  readonly prepare?: () => Promise<void>;
}

/** The same file by each way, in turn, against the bridge itself. */
export const throughput: Measure = {
  name: 'throughput',
  run: () =>
    withTailnet(
      (loginServer) =>
        new Map([
          ['web', machineWithPage('192.168.100.5', `${tailscale(loginServer, SERVE)}${OVERLAYS}`)],
          ['shy', machineWithPage('192.168.100.6', tailscale(loginServer, `mode: userspace\n    ${SERVE}`))],
          ['router', machineWithPage('192.168.100.7', tailscale(loginServer, 'routes: [192.168.100.0/24]'))],
        ]),
      async (world) => {
        await world.tailnet.control({ Do: 'key', Key: '' });
        const overlays = await overlayClients(world, 'web');
        try {
          const lanes = await lanesOf(world, overlays);
          const figures = new Map<string, { rate: number; cpu: number }[]>(lanes.map(({ name }) => [name, []]));
          for (let round = 0; round < ROUNDS; round += 1) {
            for (const lane of lanes) figures.get(lane.name)?.push(await fetchBy(lane, world, overlays));
          }
          return lanes.map(({ name }) => rowOf(name, figures.get(name) ?? []));
        } finally {
          await overlays.stop();
        }
      },
    ),
};

async function lanesOf(world: TailnetWorld, overlays: Overlays): Promise<readonly Lane[]> {
  const { vmkit, tailnet, laptop } = world;
  const addressOf = async (machine: string): Promise<string> =>
    (await vmkit(['exec', machine, '--', 'tailscale', 'ip', '-4'])).stdout.trim();
  const [web, shy] = [await addressOf('web'), await addressOf('shy')];
  const proxy = await vmkit(['expose', 'web', '--via', 'proxy', '--json']);
  const proxyPort = /:(\d+)/.exec(JSON.parse(proxy.stdout).address)?.[1] ?? '';
  await laptop.tailscale('set', '--advertise-routes=192.168.100.5/32');
  const approve = async (node: string, route: string | undefined): Promise<void> => {
    await tailnet.control({ Do: 'approve', Node: node, Routes: route === undefined ? [] : [route] });
  };
  const byHost = async (): Promise<void> => {
    await approve('router', undefined);
    await approve('laptop', '192.168.100.5/32');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  };
  const byRouter = async (): Promise<void> => {
    await approve('laptop', undefined);
    await approve('router', '192.168.100.0/24');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  };
  await byHost();
  await vmkit(['expose', 'web', '--via', 'subnet']);
  return [
    { name: 'the bridge itself, from this host', from: 'host', address: '192.168.100.5:3000' },
    { name: 'serve in the guest, TUN', from: 'peer', address: `${web}:8443` },
    { name: 'straight to the guest, TUN', from: 'peer', address: `${web}:3000` },
    { name: 'serve in the guest, userspace', from: 'peer', address: `${shy}:8443` },
    { name: 'straight to the guest, userspace', from: 'peer', address: `${shy}:3000` },
    {
      name: 'serve on this host',
      from: 'peer',
      address: `${(await laptop.tailscale('ip', '-4')).trim()}:${proxyPort}`,
    },
    { name: 'this host routes, TUN', from: 'peer', address: '192.168.100.5:3000', prepare: byHost },
    { name: 'another machine routes, TUN', from: 'peer', address: '192.168.100.5:3000', prepare: byRouter },
    ...overlays.addresses.map(({ name, address }) => ({ name, from: 'peer' as const, address: `${address}:3000` })),
  ];
}

/** MB a second, and processor seconds a GB: of all machines and daemons. */
async function fetchBy(lane: Lane, world: TailnetWorld, overlays: Overlays): Promise<{ rate: number; cpu: number }> {
  await lane.prepare?.();
  const machines = await Promise.all(['web', 'shy', 'router'].map((name) => world.pid(name)));
  const pids = [...machines, world.laptop.pid, world.away.pid, ...overlays.pids];
  const before = await cpuSeconds(pids);
  const url = `http://${lane.address}/big`;
  const argv = ['curl', '--silent', '--fail', '--max-time', '120', '--output', '/dev/null', '-w', '%{time_total}', url];
  const { stdout } = await (lane.from === 'host' ? world.onHost(argv) : world.onPeer(argv));
  const cpu = (await cpuSeconds(pids)) - before;
  return { rate: PAGE_BYTES / 1e6 / Number(stdout), cpu: cpu / (PAGE_BYTES / 1e9) };
}

/** proc_pid_stat(5): fields 14 and 15 in ticks of 10 ms. */
async function cpuSeconds(pids: readonly number[]): Promise<number> {
  let ticks = 0;
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / 100;
}

function rowOf(name: string, runs: readonly { rate: number; cpu: number }[]): Row {
  const middle = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
  const rate = middle(runs.map((run) => run.rate));
  const cpu = middle(runs.map((run) => run.cpu));
  return {
    what: `16 MiB by HTTP: ${name}`,
    measured: `${rate.toFixed(1)} MB/s, ${cpu.toFixed(0)} CPU s/GB`,
    reach: 'known',
    met: true,
    how: `median of ${ROUNDS}, all ways in turn; processor time of all machines and daemons`,
  };
}
