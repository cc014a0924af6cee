import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { compare, parseResults } from '../../bench/conformance/counts.ts';
import { runScript } from '../../bench/conformance/run-script.ts';

const OURS = parseResults(
  'RESULT s TestA pass\nSAID s TestB no\nRESULT s TestB fail\nRESULT s TestC skip\nRESULT t all pass\n',
);
const THEIRS = parseResults('RESULT s TestA pass\r\nRESULT s TestB pass\nRESULT s TestC pass\nRESULT s TestC pass\n');

test('what passes on their kernel only is counted and named, a skip too, and a suite that never ran', () => {
  expect(compare('s', OURS, THEIRS)).toEqual({
    ours: 1,
    theirs: 4,
    tests: 4,
    fewer: ['TestB', 'TestC', 'TestC#2'],
    late: [],
  });
  expect(compare('t', OURS, THEIRS)).toEqual({ ours: 1, theirs: 0, tests: 1, fewer: [], late: [] });
  expect(compare('s', OURS, THEIRS, /^TestA$/)).toEqual({ ours: 1, theirs: 1, tests: 1, fewer: [], late: [] });
  expect(compare('s', new Map(), THEIRS).fewer).toHaveLength(4);
});

test('what had no end in time is no failure, and neither are the cases that would have followed', () => {
  const late = parseResults('RESULT s TestB fail\nRESULT s TestC late\nRESULT f first pass\nRESULT f all late\n');
  expect(compare('s', late, THEIRS)).toMatchObject({ fewer: ['TestA', 'TestB', 'TestC#2'], late: ['TestC'] });
  const whole = parseResults('RESULT f first pass\nRESULT f second pass\nRESULT f third pass\n');
  expect(compare('f', late, whole)).toMatchObject({ ours: 1, fewer: [], late: ['second', 'third'] });
});

test('the script for the guest is one that bash reads, and runs each script once', () => {
  const script = runScript(['fib_tests.sh', 'netfilter/nft_nat.sh']);
  execFileSync('bash', ['-n'], { input: script });
  expect(script).toContain('go_suite google/nftables ./google-nftables -run_system_tests\n');
  expect(script).toContain('for script in fib_tests.sh netfilter/nft_nat.sh; do selftest $script; done\n');
});
