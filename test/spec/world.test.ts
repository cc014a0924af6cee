import { expect, test } from 'vitest';
import { parseVm } from '../../src/spec/read/parse.ts';

const parse = (network: string, service = '  - use: postgres') =>
  parseVm(`name: box\nmemory: 512MiB\ndata: 1GiB\n${network}\nservices:\n${service}\n`, '/nowhere');

test.each([
  ['', { kind: 'user', world: 'internet', hostAccess: [] }],
  ['network: { kind: user }', { kind: 'user', world: 'internet', hostAccess: [] }],
  ['network: { kind: user, world: none }', { kind: 'user', world: 'none', hostAccess: [] }],
  ['network: { kind: user, hostAccess: [5432] }', { kind: 'user', world: 'internet', hostAccess: [5432] }],
  [
    'network: { kind: private, address: 192.168.100.4, world: host }',
    { kind: 'private', address: '192.168.100.4', world: 'host', hostAccess: [] },
  ],
  ['network: { kind: bridge, address: 192.168.100.4 }', { kind: 'bridge', address: '192.168.100.4' }],
])('what a machine may dial: %s', (network, expected) => {
  expect(parse(network).spec?.network).toEqual(expected);
});

test.each([
  ['a world that there is not', 'network: { kind: user, world: lan }', 'network.world'],
  ['a bridge has one of its own', 'network: { kind: bridge, address: 192.168.100.4, world: host }', 'network'],
  ['a port where all are open', 'network: { kind: user, world: host, hostAccess: [1] }', 'network.hostAccess'],
  ['a port where none is', 'network: { kind: user, world: none, hostAccess: [1] }', 'network.hostAccess'],
  ['no port', 'network: { kind: user, hostAccess: [0] }', 'network.hostAccess'],
])('%s is refused', (_what, network, path) => {
  const { spec, problems } = parse(network);
  expect(spec).toBeUndefined();
  expect(problems.map((problem) => problem.path)).toEqual([expect.stringContaining(path)]);
});

test('a tunnel without a world gets no answers out, and is refused', () => {
  const { problems } = parse('network: { kind: user, world: none }', '  - use: wireguard\n    port: 51820');
  expect(problems).toMatchObject([{ path: 'network.world', message: expect.stringContaining('wireguard') }]);
});
