import { expect, test } from 'vitest';
import { loadOrder, moduleName, parseModulesDep } from '../../src/kernel/ready-made/load-order.ts';

const DEP = `kernel/net/core/failover.ko:
kernel/drivers/net/net_failover.ko: kernel/net/core/failover.ko
kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko kernel/net/core/failover.ko
kernel/drivers/char/hw_random/virtio-rng.ko:
kernel/fs/squashfs/squashfs.ko.zst:
`;

test('each module comes after those that it uses, once', () => {
  const order = loadOrder(parseModulesDep(DEP), ['virtio_net', 'net_failover', 'squashfs', 'virtio_rng']);
  expect(order.map(moduleName)).toEqual(['failover', 'net_failover', 'virtio_net', 'squashfs', 'virtio_rng']);
});

test('what is no module is built in, and passed over; so is what modules.dep lacks', () => {
  expect(loadOrder(parseModulesDep(''), ['virtio_net'])).toEqual([]);
  expect(loadOrder(parseModulesDep(DEP), ['ext4'])).toEqual([]);
});

test('modules that use each other in a ring end', () => {
  const ring = parseModulesDep('a.ko: b.ko\nb.ko: a.ko\n');
  expect(loadOrder(ring, ['a']).sort()).toEqual(['a.ko', 'b.ko']);
});
