import { appendFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { LogReader } from '../../src/host/host.ts';
import { logReader } from '../../src/host/local/log-reader.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

async function all(log: LogReader): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of log.lines()) lines.push(line);
  return lines;
}

test('a log is read as it grows, from before it exists', async () => {
  const path = join(await temporaryFolder(), 'console.log');
  const log = logReader(path);
  expect(await all(log)).toEqual([]);
  await appendFile(path, 'one\ntw');
  expect(await all(log)).toEqual(['one']);
  await appendFile(path, `o\n${'y'.repeat(50_000)}\n`);
  expect(await all(log)).toEqual(['two', 'y'.repeat(50_000)]);
  expect(await all(log)).toEqual([]);
  await log.close();
});

test('a log is followed through changes of its file, whether they were seen or not', async () => {
  const path = join(await temporaryFolder(), 'console.log');
  const rotate = async (text: string): Promise<void> => {
    await rename(path, `${path}.1`);
    await writeFile(path, text);
  };
  await writeFile(path, 'one\n');
  await rotate('two\nth');
  const log = logReader(path);
  expect(await all(log)).toEqual(['one', 'two']);
  await appendFile(path, 'ree\nfo');
  await rotate('ur\n');
  expect(await all(log)).toEqual(['three', 'four']);
  await rotate('five\n');
  await rotate('six\n');
  expect(await all(log)).toEqual(['five', 'six']);
  await rotate('lost\n');
  await rotate('seven\n');
  await rotate('eight\n');
  expect(await all(log)).toEqual(['seven', 'eight']);
  await log.close();
});

test('a reader gets back to work although the writer never stops', async () => {
  const path = join(await temporaryFolder(), 'console.log');
  const chunk = `${'x'.repeat(63 * 1024)}\n`;
  await writeFile(path, chunk);
  const log = logReader(path);
  let read = 0;
  for await (const line of log.lines()) {
    read += line.length;
    await appendFile(path, chunk);
  }
  expect(read).toBeGreaterThan(8 * 1024 * 1024);
  expect(read).toBeLessThan(32 * 1024 * 1024);
  await log.close();
});
