import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { phoneText } from '../../../src/cli/show/phone-text.ts';
import { reportOf } from '../../../src/host/android/check/check-phone.ts';
import { droppingChains, parseKmi, parseRules, parseVmInfo } from '../../../src/host/android/check/parse-replies.ts';
import { ASK, askArguments, parseReplies } from '../../../src/host/android/check/questions.ts';

const NETWORK = { bridge: 'vmkit', subnet: '192.168.100.0/24' };
const TAKES = { program: '/apex/com.android.virt/bin/crosvm', takes: true, says: 'it takes it' };
const REFUSES = {
  program: '/apex/com.android.virt/bin/crosvm_minimal',
  takes: false,
  says: 'as 15 QPR2 to 17: arg parsing failed: Unrecognized argument: --net',
};
const SILENT = { ...TAKES, takes: undefined, says: 'exit code 126: Permission denied' };

describe('a report on a phone', () => {
  test.each([
    ['pixel-16-magisk', [TAKES, REFUSES], 'crosvm'],
    ['pixel-15-no-root', [SILENT], 'avf'],
    ['tablet-15-protected-only', [], 'none'],
  ] as const)('%s', async (name, builds, way) => {
    const replies = parseReplies(readFileSync(join(import.meta.dirname, 'phones', `${name}.txt`), 'utf8'));
    const report = reportOf(replies, NETWORK, builds);
    expect(report.way.way).toBe(way);
    await expect(`${phoneText(report)}\n`).toMatchFileSnapshot(`../../golden/phone-check/${name}.txt`);
  });

  test('a phone that says nothing: no line is yes, and none is told as known', () => {
    const report = reportOf(parseReplies(''), NETWORK, []);
    expect(report.rows.filter(({ answer }) => answer === 'yes')).toEqual([]);
    expect(report.way.way).toBe('none');
  });

  test('a root without the one thing that crosvm needs takes AVF', () => {
    const text = readFileSync(join(import.meta.dirname, 'phones/pixel-16-magisk.txt'), 'utf8');
    expect(reportOf(parseReplies(text), NETWORK, [REFUSES]).way.way).toBe('avf');
    const blind = text.replace(/^crw.*\/dev\/kvm$/m, '');
    expect(reportOf(parseReplies(blind), NETWORK, [TAKES]).way.way).toBe('avf');
    expect(reportOf(parseReplies(blind.replace('/dev/vhost-vsock', '/dev/gzvm')), NETWORK, [TAKES]).way).toMatchObject({
      way: 'crosvm',
      costs: expect.arrayContaining(['/dev/gzvm is untried by vmkit']),
    });
  });
});

test('the questions', async () => {
  const text = askArguments().map((each, at) => (at % 2 === 0 ? `\n# ${each}` : each));
  await expect(`${ASK}${text.join('\n')}\n`).toMatchFileSnapshot('../../golden/phone-check/questions.txt');
});

test('which machines there can be, as each release says it', () => {
  expect(parseVmInfo('Both protected and unprotected VMs are supported.')).toEqual({
    unprotected: 'yes',
    isProtected: 'yes',
  });
  expect(parseVmInfo('Only non-protected VMs are supported.')).toEqual({ unprotected: 'yes', isProtected: 'no' });
  expect(parseVmInfo('Only unprotected VMs are supported.')).toEqual({ unprotected: 'yes', isProtected: 'no' });
  expect(parseVmInfo('Only protected VMs are supported.')).toEqual({ unprotected: 'no', isProtected: 'yes' });
  expect(parseVmInfo('VMs are not supported.')).toEqual({ unprotected: 'no', isProtected: 'no' });
  expect(parseVmInfo('inaccessible or not found')).toEqual({ unprotected: 'unknown', isProtected: 'unknown' });
});

test('whom the modules of a kernel fit', () => {
  expect(parseKmi('6.6.50-android15-8-gdeadbeef-ab123')).toBe('android15-6.6');
  expect(parseKmi('5.10.209-gabcdef')).toBeUndefined();
});

test("netd's rules: of 12, of 13 on, with vmkit's own among them", () => {
  const of = (...lines: string[]) => parseRules(lines.join('\n'), NETWORK.bridge, NETWORK.subnet);
  const edges = ['10000:\tfrom all fwmark 0xc0000/0xd0000 lookup 99', '32000:\tfrom all unreachable'];
  expect(of(...edges, '29000:\tfrom all fwmark 0/0xffff iif lo lookup 1022')).toMatchObject({
    isNetd: true,
    defaultTable: { table: '1022' },
  });
  // 29000 is another rule on 13, and on 12 31000 is none.
  expect(of(...edges, '29000:\tfrom all iif lo uidrange 10000-10005 lookup 1022').defaultTable).toBeUndefined();
  expect(of('9000:\tfrom all to 192.168.100.0/24 lookup main', '9001:\tfrom all iif vmkit lookup 1022').taken).toEqual(
    [],
  );
  expect(of('9001:\tfrom all iif vmkit1 lookup 1022').taken).toEqual(['9001: from all iif vmkit1 lookup 1022']);
});

test('a chain drops forwarded packets only where FORWARD leads to it', () => {
  expect(
    droppingChains('-P FORWARD DROP\n-A FORWARD -j a\n-A a -j b\n-A b -j REJECT --reject-with x\n-A c -j DROP'),
  ).toEqual(['FORWARD (policy)', 'b']);
});
