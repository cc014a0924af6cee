import { expect, test } from 'vitest';
import { networkPicture, type PicturedMachine } from '../../src/cli/show/network-picture.ts';

const world = { world: 'internet' as const, hostAccess: [] };

const port = (service: string, protocol: 'http' | 'tcp' | 'ssh', hostPort: number, guestPort: number) => ({
  service,
  name: service,
  protocol,
  hostPort,
  guestPort,
});

test('a picture of machines, networks, addresses and ports', async () => {
  const machines: PicturedMachine[] = [
    { name: 'blog', condition: 'off', ports: [], needs: [], network: { kind: 'user', ...world } },
    {
      name: 'miniflux',
      condition: 'booting',
      ports: [port('miniflux', 'http', 8080, 8080)],
      needs: [],
      network: { kind: 'user', ...world },
    },
    {
      name: 'news',
      condition: 'running',
      ports: [port('miniflux', 'http', 8081, 8081), port('ssh', 'ssh', 40022, 22)],
      needs: ['sql'],
      network: { kind: 'private', address: '192.168.100.4', ...world },
    },
    {
      name: 'sql',
      condition: 'running',
      ports: [port('postgres', 'tcp', 5432, 5432), port('ssh', 'ssh', 40023, 22)],
      needs: [],
      network: { kind: 'private', address: '192.168.100.2', ...world },
    },
  ];
  await expect(`${networkPicture(machines)}\n`).toMatchFileSnapshot('../golden/network-picture.txt');
  expect(networkPicture([])).toContain('vmkit boot');
});
