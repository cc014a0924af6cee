import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostFrom } from '../../../src/host/host-from.ts';
import { reportOnPhone } from '../../../src/verbs/phone/phone-check.ts';
import { type Phone, startPhone, whyNoPhone } from '../../android/phone.ts';
import { bundledCli } from '../../support/cli.ts';
import { contextIn } from '../../support/context.ts';
import { must, namespaceHost } from '../../support/hosts/namespaces.ts';
import { isAll } from '../../support/run/sampled.ts';

/** Stand-ins, that say what a phone's own programs would. */
const GETPROP = `#!/bin/sh
echo '[ro.build.version.release]: [16]'
echo '[ro.product.model]: [A stand-in]'
`;
const DUMPSYS = `#!/bin/sh
case $1 in battery) echo '  USB powered: true'; echo '  level: 82' ;; *) exec sleep 600 ;; esac
`;
/** It parses its command line, and then looks for the initramfs. */
const crosvm = (refused: string): string => `#!/bin/sh
for word; do
  case $word in
    ${refused}) echo "arg parsing failed: Unrecognized argument: $word" >&2; exit 35 ;;
    /nonexistent/*) initrd=$word ;;
  esac
done
echo "failed to open initrd $initrd" >&2
exit 1
`;

describe.skipIf(whyNoPhone() !== undefined)('a phone is looked at', () => {
  let phone: Phone;
  beforeAll(async () => {
    phone = await startPhone();
    phone.program('getprop', GETPROP);
    phone.program('dumpsys', DUMPSYS);
    phone.program('crosvm-15', crosvm('--name'));
    phone.program('crosvm-minimal', crosvm('--net | --tap-name'));
    const there = namespaceHost(phone.namespace);
    await must(there, ['ip', 'rule', 'add', 'pref', '31000', 'fwmark', '0x0/0xffff', 'iif', 'lo', 'lookup', '1030']);
    await must(there, ['ip', 'rule', 'add', 'pref', '9001', 'iif', 'other', 'lookup', '1030']);
  });
  afterAll(() => phone.stop());

  test('each line has its evidence, and what hangs there does not hang the report', async () => {
    const context = { ...contextIn(phone.folder), host: hostFrom(`adb:${phone.serial}`) };
    const builds = ['crosvm-15', 'crosvm-minimal', 'none'].map((name) => `/data/lab/bin/${name}`);
    const network = { bridge: 'vmkit', subnet: '192.168.100.0/24' };
    const { rows, way } = await reportOnPhone(network, { builds, isTried: false }, context);
    const answers = (what: string) => rows.filter((row) => row.what === what).map(({ answer }) => answer);
    expect(rows.filter(({ evidence }) => evidence === '')).toEqual([]);
    expect(answers('crosvm')).toEqual(['yes', 'no', 'cannot tell']);
    for (const [what, answer] of [
      ['Android', 'yes'],
      ['root', 'yes'],
      ['default network', 'yes'],
      ['preferences 9000, 9001 free', 'no'],
      ['way out', 'no'],
      ['VPN on', 'no'],
      ['power', 'yes'],
      ['cool', 'cannot tell'],
      ['AVF', 'cannot tell'],
    ] as const) {
      expect(answers(what), what).toEqual([answer]);
    }
    expect(way.way).toBe(existsSync('/dev/kvm') ? 'crosvm' : 'none');
  });

  describe.skipIf(!isAll)('by the command line', () => {
    const cli = bundledCli();
    const on = (...args: string[]) => cli.run([...args, '--host', `adb:${phone.serial}`], phone.folder);
    test('host check, ls, status and doctor work over it', async () => {
      const { stdout, stderr, exitCode } = await on('host', 'check');
      expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 3 });
      expect(stdout).toMatch(/^yes {2}Android .*16 on A stand-in/);
      expect(await on('ls')).toMatchObject({ exitCode: 0 });
      expect(await on('status')).toMatchObject({ exitCode: 0 });
      const { groups } = JSON.parse((await on('doctor', '--json')).stdout);
      expect(groups.map(({ group }: { group: string }) => group)).toContain('phone');
      expect((await on('status', 'nobody')).exitCode).not.toBe(0);
    });
  });
});
