import { expect, test } from 'vitest';
import { IMPLICIT_SERVICE, implicitServices } from '../../../src/spec/services/registry.ts';
import type { VmSpec } from '../../../src/spec/vm-spec.ts';
import { changesSinceBoot } from '../../../src/verbs/boot/changes-since-boot.ts';
import { ownService, specWith } from '../../support/spec.ts';

const web = (hostPort: number | undefined, port = 8000): VmSpec['services'][number] =>
  ownService({ name: 'web', ports: [{ name: 'web', port, protocol: 'http', hostPort }] });
const spec: VmSpec = { ...specWith('a', [web(8001)]), dataMib: 64 };
const state = {
  cpus: spec.cpus,
  memoryMib: spec.memoryMib,
  services: ['ssh', 'web'],
  ports: [
    { service: 'web', name: 'web', protocol: 'http' as const, guestPort: 8000, hostPort: 8001 },
    { service: IMPLICIT_SERVICE, name: 'ssh', protocol: 'ssh' as const, guestPort: 22, hostPort: 40_000 },
  ],
  needs: [],
  network: { kind: 'user' as const, world: 'internet' as const, hostAccess: [] },
  artifacts: { kernel: 'k1', root: 'r1', initramfs: 'i1' },
};
const same = [
  { kind: 'kernel', key: 'k1' },
  { kind: 'busybox', key: 'b2' },
  { kind: 'root', key: undefined },
  { kind: 'initramfs', key: 'i1' },
];
const user = { kind: 'user' as const, world: 'internet' as const, hostAccess: [] };

test('nothing has changed', () => {
  expect(changesSinceBoot(state, { ...spec, network: user }, 64, same)).toEqual([]);
  expect(changesSinceBoot(state, { ...spec, network: { ...user, hostAccess: [] } }, undefined, same)).toEqual([]);
});

test('each setting is told, as it is and as it was; what follows from it is not', () => {
  const changed: VmSpec = {
    ...spec,
    cpus: spec.cpus + 1,
    memoryMib: 1024,
    dataMib: 128,
    needs: ['sql'],
    network: { kind: 'private', address: '192.168.100.2', world: 'none', hostAccess: [] },
    services: [...implicitServices(), web(8002, 8080), ownService({ name: 'more' })],
  };
  const planned = [...same.slice(0, 3), { kind: 'initramfs', key: 'i2' }];
  expect(changesSinceBoot(state, changed, 64, planned)).toEqual([
    `cpus: ${spec.cpus + 1}; it runs with ${spec.cpus}`,
    `memory: 1024MiB; it runs with ${spec.memoryMib}MiB`,
    'data: 128MiB; it runs with 64MiB',
    'needs: sql; it runs with none',
    'network: private, address 192.168.100.2, world none; it runs with user, world internet',
    'services: more, ssh, web; it runs with ssh, web',
    'port web of web: http://127.0.0.1:8002 to 8080; it runs with http://127.0.0.1:8001 to 8000',
  ]);
});

test('a port that is closed, ports of this host that the machine may dial, and what is only in an artifact', () => {
  const closed = {
    ...spec,
    network: { ...user, hostAccess: [5432] },
    services: [...implicitServices(), web(undefined)],
  };
  expect(changesSinceBoot(state, closed, 64, same)).toEqual([
    'network: user, hostAccess 5432, world internet; it runs with user, world internet',
    'port web of web: closed; it runs with http://127.0.0.1:8001 to 8000',
  ]);
  const planned = [
    { kind: 'kernel', key: 'k2' },
    { kind: 'root', key: 'r2' },
    { kind: 'initramfs', key: 'i2' },
  ];
  expect(changesSinceBoot(state, { ...spec, network: user }, 64, planned)).toEqual([
    'the kernel, or what it is built from',
    'the packages',
    'settings, scripts or files of services',
  ]);
});
