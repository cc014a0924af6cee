import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lineSplitter, logReader } from '../../src/host/console-log.ts';

test('however a text is cut into chunks, its lines are the same', () => {
  const text = 'kernel\r\nvmkit-event {"event":"booted"}\r\n\r\näöü → 測試\nend\n';
  const whole = lineSplitter()(Buffer.from(text));
  expect(whole).toEqual(['kernel', 'vmkit-event {"event":"booted"}', '', 'äöü → 測試', 'end']);
  fc.assert(
    fc.property(fc.array(fc.nat(Buffer.byteLength(text)), { maxLength: 10 }), (cuts) => {
      const split = lineSplitter();
      const bytes = Buffer.from(text);
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const lines = at.slice(1).flatMap((end, index) => split(bytes.subarray(at[index], end)));
      expect(lines).toEqual(whole);
    }),
  );
});

test('bytes that are no text, and a line without an end, do no harm', () => {
  const split = lineSplitter();
  expect(split(Buffer.from([0xff, 0xfe, 0x0a]))).toHaveLength(1);
  expect(split(Buffer.alloc(3 * 1024 * 1024, 'x')).join('')).toHaveLength(3 * 1024 * 1024);
});

test('a log is read as it grows, from before it exists', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vmkit-log-'));
  const path = join(folder, 'console.log');
  const log = logReader(path);
  expect(await log.read()).toEqual([]);
  await appendFile(path, 'one\ntw');
  expect(await log.read()).toEqual(['one']);
  await appendFile(path, `o\n${'y'.repeat(200_000)}\n`);
  expect(await log.read()).toEqual(['two', 'y'.repeat(200_000)]);
  expect(await log.read()).toEqual([]);
  await log.close();
  await rm(folder, { recursive: true });
});
