import { expect, test } from 'vitest';
import { parseUsage, ratesOf, usageScript } from '../../../src/machine/usage.ts';

const LOOK = `at 100.50
network 1000 2000
network 10 20
disk 8 16
data 1048576 4194304
service postgres 2500000 67108864
service ssh 10 20
noise
`;

test('two looks give what was used a second', () => {
  const before = parseUsage(LOOK);
  expect(before).toMatchObject({
    atSeconds: 100.5,
    network: { receivedBytes: 1010, sentBytes: 2020 },
    disk: { readBytes: 4096, writtenBytes: 8192 },
    data: { usedBytes: 1048576, totalBytes: 4194304 },
  });
  const later = LOOK.replace('100.50', '102.50').replace('network 1000', 'network 3000').replace('2500000', '3500000');
  const rates = ratesOf(before, parseUsage(later));
  expect(rates).toMatchObject({ received: 1000, sent: 0, read: 0 });
  expect(rates.services[0]).toEqual({ name: 'postgres', cpu: 0.5, memoryBytes: 67108864 });
});

test('a service that was started again, and a clock that stands still, give no nonsense', () => {
  const before = parseUsage(LOOK);
  expect(ratesOf(before, parseUsage(LOOK.replace('2500000', '5'))).services[0]).toMatchObject({ cpu: 0 });
  expect(ratesOf(parseUsage(''), parseUsage(''))).toMatchObject({ received: 0, services: [] });
});

test('the script that a guest runs', async () => {
  await expect(usageScript()).toMatchFileSnapshot('../../golden/usage.sh');
});
