import * as z from 'zod';
import { forgetProbes } from '../../test/support/ways/probe.ts';
import type { Measure, Row } from '../measure.ts';
import { median, seconds } from '../measure.ts';
import { OVERLAYS } from '../overlay-clients.ts';
import { row } from '../rows.ts';
import { machineWithPage, type TailnetWorld, withTailnet } from '../tailnet-world.ts';

const report = z.object({
  tookMs: z.number(),
  ways: z.array(
    z.object({
      way: z.string(),
      state: z.string(),
      finding: z.object({ cause: z.string() }).optional(),
      warnings: z.array(z.object({ cause: z.string() })),
    }),
  ),
});

const HEALTHY_RUNS = 50;

/** A machine with six ways at once: serve and its own port in the tailnet, this host's serve and route, WireGuard, Nebula. */
export const ways: Measure = {
  name: 'ways',
  run: () =>
    withTailnet(
      (loginServer) =>
        new Map([
          [
            'web',
            machineWithPage(
              '192.168.100.5',
              `${tailscale(loginServer, 'serve: [{ as: tcp, port: 8443, to: 3000 }]')}${OVERLAYS}`,
            ),
          ],
        ]),
      async (world) => {
        const { vmkit, tailnet, laptop } = world;
        await tailnet.control({ Do: 'key', Key: '' });
        await laptop.tailscale('set', '--advertise-routes=192.168.100.5/32');
        await tailnet.control({ Do: 'approve', Node: 'laptop', Routes: ['192.168.100.5/32'] });
        for (const via of ['proxy', 'subnet', 'wireguard', 'nebula']) await vmkit(['expose', 'web', '--via', via]);
        const all: z.infer<typeof report>[] = [];
        for (let run = 0; run < HEALTHY_RUNS; run += 1) all.push(await probe(world, []));
        const guestOnly = await median(9, async () => (await probe(world, ['--from', 'none'])).tookMs / 1000);
        const exposed = await median(3, async () => {
          await vmkit(['unexpose', 'web']);
          await vmkit(['exec', 'web', '--', 'tailscale', 'serve', 'reset']);
          return (await vmkit(['expose', 'web', '--via', 'guest'])).seconds;
        });
        const took = all.map(({ tookMs }) => tookMs / 1000).sort((a, b) => a - b);
        const alarms = all.flatMap((each) =>
          each.ways.flatMap(({ way, finding, warnings: beside }) =>
            [...(finding === undefined ? [] : [finding]), ...beside].map(({ cause }) => `${way}: ${cause}`),
          ),
        );
        const working = all[0]?.ways.filter(({ state }) => state === 'works').length ?? 0;
        const how = `${working} ways work; the peer's start and login included; median of ${HEALTHY_RUNS}, ${seconds(took[0] ?? 0)} to ${seconds(took.at(-1) ?? 0)}`;
        return [
          row('probe, all ways, healthy', took[HEALTHY_RUNS / 2] ?? Number.NaN, 15, seconds, how),
          row('its guest layers alone', guestOnly, 1, seconds, 'probe --from none, one login by ssh; median of 9'),
          falseAlarms(alarms),
          row('expose to the first byte at the peer', exposed, 5, seconds, 'whole process, --via guest; median of 3'),
        ];
      },
    ),
};

function falseAlarms(alarms: readonly string[]): Row {
  return {
    what: `false alarms in ${HEALTHY_RUNS} healthy runs`,
    measured: alarms.length === 0 ? '0' : `${alarms.length}: ${[...new Set(alarms)].join(', ')}`,
    reach: '0',
    met: alarms.length === 0,
    how: 'findings and warnings of all ways',
  };
}

async function probe({ vmkit, tailnet }: TailnetWorld, options: readonly string[]): Promise<z.infer<typeof report>> {
  const { stdout } = await vmkit(['probe', 'web', '--json', ...options]);
  await forgetProbes(tailnet);
  return report.parse(JSON.parse(stdout));
}

export function tailscale(loginServer: string, more: string): string {
  return `  - use: tailscale
    loginServer: ${loginServer}
    ${more}
`;
}
