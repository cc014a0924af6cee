import { expect, test } from 'vitest';
import type { HostAddress } from '../../src/host/host.ts';
import { localHost } from '../../src/host/local/local.ts';
import type { NetworkSpec } from '../../src/spec/networks/network-spec.ts';
import { addressElsewhere, tunnelEndpoint } from '../../src/verbs/reach/tunnel-endpoint.ts';

const USER: NetworkSpec = { kind: 'user', world: 'internet', hostAccess: [] };
const BRIDGE: NetworkSpec = { kind: 'bridge', address: '192.168.100.5' };
const MACVTAP: NetworkSpec = { kind: 'macvtap', on: 'eth0', address: '10.1.2.3/24' };

const behindSsh = (address: HostAddress) => ({
  ...localHost(),
  name: 'ssh://server',
  isHere: false,
  address: async () => address,
});
const server = behindSsh({ name: '198.51.100.7', isDirect: true });

test.each<[string, NetworkSpec, string]>([
  ['user network', USER, '127.0.0.1'],
  ['bridge', BRIDGE, '192.168.100.1'],
])('here, on the %s, the port is an address of this computer', async (_name, network, address) => {
  expect(await tunnelEndpoint({ network }, 4242, localHost())).toEqual({ endpoint: { address, port: 4242 } });
});

test.each<[string, NetworkSpec]>([
  ['user network', USER],
  ['bridge', BRIDGE],
])("elsewhere, on the %s, it is that host's address, and clients are told it", async (_name, network) => {
  expect(await tunnelEndpoint({ network }, 4242, server)).toEqual({
    endpoint: { address: '198.51.100.7', port: 4242 },
  });
  expect(await addressElsewhere({ network }, server)).toBe('198.51.100.7');
});

test('an address of its own on a network is what others dial, and its own host does not reach it', async () => {
  expect(await tunnelEndpoint({ network: MACVTAP }, 4242, localHost())).toEqual({
    whyNot: expect.stringContaining('macvtap'),
  });
  expect(await tunnelEndpoint({ network: MACVTAP }, 4242, server)).toEqual({
    endpoint: { address: '10.1.2.3', port: 4242 },
  });
});

test('a jump host passes no UDP on, and a name may be one that ssh alone knows: both are said', async () => {
  const far = behindSsh({ name: '198.51.100.7', isDirect: false });
  expect(await tunnelEndpoint({ network: USER }, 4242, far)).toEqual({ whyNot: expect.stringContaining('no UDP') });
  const unknown = behindSsh({ name: 'vmkit-no-such-host.invalid', isDirect: true });
  expect(await tunnelEndpoint({ network: USER }, 4242, unknown)).toEqual({
    whyNot: 'vmkit-no-such-host.invalid has no address here',
  });
});
