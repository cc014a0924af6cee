import { expect, test } from 'vitest';
import { parseVm } from '../../src/spec/read/parse.ts';
import type { NebulaNode } from '../../src/spec/service.ts';
import { NEBULA_CONFIG, nebulaClientConfig } from '../../src/spec/services/nebula-config.ts';

const vm = (options: string): string => `name: web
memory: 256MiB
data: 64MiB
services:
  - name: page
    run: exec httpd
    ready: { tcp: 3000 }
    ports: [{ name: web, port: 3000 }, { name: tunnel, port: 51820, protocol: udp }]
  - use: nebula
${options}`;

const pem = (what: string): string => `-----BEGIN NEBULA ${what}-----\nAAAA\n-----END NEBULA ${what}-----\n`;

test('the guest is the lighthouse; its firewall lets the clients to the TCP ports of its services, and not to ssh', async () => {
  const { spec, problems } = parseVm(vm('    clients: [laptop, "on"]\n'), '/vm');
  expect(problems).toEqual([]);
  const service = spec?.services.find(({ name }) => name === 'nebula');
  const config = service?.files.find(({ path }) => path === NEBULA_CONFIG);
  await expect(config?.content).toMatchFileSnapshot('../golden/nebula-guest.yml');
  expect(service?.ports).toEqual([{ name: 'overlay', port: 4242, protocol: 'udp', hostPort: 4242 }]);
});

test("a client's configuration is one file, with its certificate and key inside", async () => {
  const node: NebulaNode = { address: '10.89.0.1/24', port: 4242, clients: ['laptop'] };
  const client = { ca: pem('CERTIFICATE'), certificate: pem('CERTIFICATE'), key: pem('X25519 PRIVATE KEY') };
  const text = nebulaClientConfig({ node, endpoint: 'git.example.org:4242', ...client });
  await expect(text).toMatchFileSnapshot('../golden/nebula-client.yml');
});

test.each([
  ['    address: 10.89.0.254/24\n', '1 to 253'],
  ['    address: 10.89.0.1\n', '1 to 253'],
  ['    clients: [probe]\n', "vmkit's own"],
  ['    clients: [any]\n', 'means everybody'],
  ['    clients: [laptop, laptop]\n', 'each name once'],
  ['    endpoint: git.example.org:4242\n', 'without a port'],
])('%s is refused when the definition is read', (options, message) => {
  const { spec, problems } = parseVm(vm(options), '/vm');
  expect(spec).toBeUndefined();
  expect(JSON.stringify(problems)).toContain(message);
});
