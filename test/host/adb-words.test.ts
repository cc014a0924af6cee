import { expect, test } from 'vitest';
import { bootLine, connectLine, suArgv, suKind } from '../../src/host/adb/become-root.ts';
import { packet, packetReader } from '../../src/host/adb/shell-protocol.ts';

test.each([
  ['28.1:MAGISKSU', 'magisk', ['su', '-c', 'id']],
  ['KernelSU v1.0.3', 'kernelsu', ['su', '-c', 'id']],
  ['APatch:11039', 'apatch', ['su', '-c', 'id']],
  ["su: invalid uid/gid '-v'", 'aosp', ['su', '0', 'sh', '-c', 'id']],
  ['', 'other', ['su', '-c', 'id']],
] as const)('whose su says %j, and how it takes a script', (said, kind, argv) => {
  expect(suKind(said)).toBe(kind);
  expect(suArgv(kind, 'id')).toEqual(argv);
});

test('what adbd is asked to run, for each way to be somebody there', async () => {
  const users = [undefined, 'magisk', 'aosp'] as const;
  const lines = users.flatMap((su) => [
    bootLine(su === undefined ? 'shell' : 'root', su),
    connectLine({ tcp: 8080 }, su),
    connectLine({ unix: "/data/it's here" }, su),
  ]);
  await expect(`${lines.join('\n\n')}\n`).toMatchFileSnapshot('../golden/adb-words.txt');
});

test('packets of the shell protocol are read however they are cut', () => {
  const bytes = Buffer.concat([packet(1, Buffer.from('out')), packet(2), packet(3, Buffer.from([7]))]);
  for (let size = 1; size <= bytes.length; size += 1) {
    const read = packetReader();
    // One may come in parts.
    const found = new Map<number, string>();
    for (let at = 0; at < bytes.length; at += size) {
      for (const { kind, bytes: part } of read(bytes.subarray(at, at + size))) {
        found.set(kind, (found.get(kind) ?? '') + part.toString('latin1'));
      }
    }
    expect([...found], `pieces of ${size}`).toEqual([
      [1, 'out'],
      [3, '\u0007'],
    ]);
  }
});
