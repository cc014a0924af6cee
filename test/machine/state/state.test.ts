import { expect, test } from 'vitest';
import { type MachineState, parseState } from '../../../src/machine/state/state.ts';

const state: MachineState = {
  version: 1,
  name: 'sql',
  vmm: 'qemu',
  pid: 4321,
  startTime: 99,
  startedAt: '2026-01-02T03:04:05.000Z',
  accelerator: { name: 'tcg', reason: 'no /dev/kvm: software emulation' },
  cpus: 2,
  memoryMib: 1024,
  services: ['ssh', 'postgres'],
  ports: [{ service: 'postgres', name: 'sql', protocol: 'postgres', guestPort: 5432, hostPort: 5432 }],
  sshPort: 40022,
  needs: [],
  network: { kind: 'user', world: 'internet', hostAccess: [] },
  tells: [],
  artifacts: { kernel: 'abc' },
};

test('what was written is read', () => {
  expect(parseState(JSON.stringify(state))).toEqual(state);
});

test('of an earlier vmkit, what it did not write is what it meant', () => {
  const { vmm: _vmm, network: _network, ...old } = state;
  const meant = { ...state, network: { kind: 'user', world: 'host', hostAccess: [] } };
  expect(parseState(JSON.stringify(old))).toEqual(meant);
  expect(parseState(JSON.stringify({ ...old, network: { kind: 'user' } }))).toEqual(meant);
  const bridge = { kind: 'bridge', address: '192.168.100.5' };
  expect(parseState(JSON.stringify({ ...old, network: bridge }))).toEqual({ ...state, network: bridge });
});

test.each([
  ['half a file', JSON.stringify(state).slice(0, 60)],
  ['an empty file', ''],
  ['a pid that would signal a group', JSON.stringify({ ...state, pid: -1 })],
  ['pid 0', JSON.stringify({ ...state, pid: 0 })],
  ['another version', JSON.stringify({ ...state, version: 2 })],
  ['a port out of range', JSON.stringify({ ...state, sshPort: 70000 })],
])('%s is no state', (_what, text) => {
  expect(parseState(text)).toBeUndefined();
});
