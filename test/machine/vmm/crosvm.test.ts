import { describe, expect, test } from 'vitest';
import { afterExit } from '../../../src/machine/phone/exit.ts';
import { type CrosvmPlace, crosvmArgv, KERNEL_PARAMETERS } from '../../../src/machine/vmm/crosvm/argv.ts';
import { askArgv, findDialect, judgeAnswer } from '../../../src/machine/vmm/crosvm/ask.ts';
import { DIALECTS, dialectOf } from '../../../src/machine/vmm/crosvm/dialect.ts';
import { crosvmStandIn, RELEASES, type Release } from '../../support/stand-ins/crosvm-stand-in.ts';
import { plan } from '../plan.ts';

const machine = {
  ...plan,
  arch: 'arm64' as const,
  network: { kind: 'bridge' as const, address: '192.168.100.2' },
  commandLine: `${KERNEL_PARAMETERS} quiet panic=-1 vmkit.hostname=sql vmkit.data=0f`,
};
const place: CrosvmPlace = {
  program: '/apex/com.android.virt/bin/crosvm',
  fileOf: (role) => `/data/vmkit/sql/${role}`,
  socket: '/data/vmkit/sql/control.sock',
  input: '/data/vmkit/sql/input',
  tap: 'sql',
  cid: 3000,
  hypervisor: 'kvm',
};
const DIALECT_OF = {
  '13': 'words',
  '14': 'keys',
  '14 QPR2': 'keys',
  '15': 'keys',
  '15 QPR2': 'named',
  '16': 'named',
  '17': 'named',
} as const;

describe.each(Object.entries(DIALECT_OF))('Android %s', (name, dialect) => {
  const release = RELEASES.find((each) => each === name) ?? '17';
  test('has its command line, which its own parser takes', async () => {
    const argv = crosvmArgv(machine, place, dialectOf(dialect));
    expect(crosvmStandIn(release, argv)).toMatchObject({ exitCode: 0 });
    await expect(`${argv.join('\n')}\n`).toMatchFileSnapshot(`../../golden/crosvm/${name.replace(' ', '-')}.txt`);
  });

  test('is found by asking, without anything but the command line', async () => {
    const asked: string[][] = [];
    const found = await findDialect(async (each) => {
      const argv = askArgv(machine, place, each);
      asked.push(argv);
      return crosvmStandIn(release, argv);
    });
    expect(found).toEqual({ dialect });
    for (const argv of asked) expect(argv).toContain('/nonexistent/vmkit');
  });

  test('gunyah is told what only it needs', () => {
    const argv = crosvmArgv(machine, { ...place, hypervisor: 'gunyah' }, dialectOf(dialect));
    expect(argv).toEqual(
      expect.arrayContaining(['--protected-vm-without-firmware', '--swiotlb', '64', '--no-balloon']),
    );
    expect(crosvmStandIn(release, argv).exitCode).toBe(0);
  });
});

test('a build without a network is none that runs a machine, and its words are told', async () => {
  const found = await findDialect(async (each) => crosvmStandIn('minimal', askArgv(machine, place, each)));
  expect(found).toMatchObject({
    refusals: [expect.stringContaining('Unrecognized argument: --net'), expect.anything(), expect.anything()],
  });
});

test('a machine without what a host lacks has no word of it', () => {
  for (const dialect of DIALECTS) {
    const argv = crosvmArgv(machine, { ...place, cid: undefined, tap: undefined }, dialect).join(' ');
    expect(argv).not.toMatch(/vsock|--cid|--net|tap-name/);
  }
});

test.each<[string, Release, readonly string[], RegExp]>([
  ['an unknown option', '17', ['--memory', '4'], /^arg parsing failed: Unrecognized argument: --memory/],
  ['readonly', '17', ['--block', 'path=x,readonly'], /unknown field `readonly`, expected one of `path`, `ro`/],
  ['a long id', '17', ['--block', `path=x,id=${'i'.repeat(21)}`], /disk id must be 20 or fewer characters/],
  ['memory with a unit', '16', ['-m', '1024M'], /invalid characters for number/],
  ['memory by key', '15', ['-m', 'size=1G'], /invalid characters for number/],
  ['a bad MAC', '14', ['--net', 'tap-name=t,mac=5'], /did not match any variant of untagged enum NetParametersMode/],
  ['vhost for vhost-net', '14', ['--net', 'tap-name=t,vhost'], /did not match any variant of untagged enum/],
  ['a serial type', '14', ['--serial', 'type=fil'], /unknown variant `fil`, expected one of `file`, `stdout`/],
  ['an option twice', '17', ['-s', 'a', '-s', 'b'], /duplicate values provided/],
  ['--name on 15', '15', ['--name', 'sql'], /Unrecognized argument: --name/],
  ['--block on 13', '13', ['--block', 'path=x'], /unknown argument: --block/],
  ['--mac on 13', '13', ['--tap-name', 't', '--mac', '52:54:00:76:6d:6b'], /`host_ip` missing from network config/],
  ['a disk that is not there on 13', '13', ['-d', '/nonexistent/disk'], /this disk path does not exist/],
])('the stand-in refuses %s as the real one does', (_, release, words, said) => {
  const ended = crosvmStandIn(release, ['crosvm', '--extended-status', 'run', ...words, '/kernel']);
  expect(ended.stderr).toMatch(said);
  expect(ended.exitCode).toBe(release === '13' ? 1 : 35);
  expect(judgeAnswer(ended).takes).toBe(false);
});

test('an end that says nothing of the command line is no answer', () => {
  const ended = { stdout: '', stderr: 'Killed' };
  for (const exitCode of [0, 127, 137]) {
    expect(judgeAnswer({ ...ended, exitCode }).takes).toBeUndefined();
  }
});

test('exit codes say what follows', () => {
  const codes = [0, 1, 32, 33, 34, 35, 36, 127, 137, 143];
  expect(codes.map((code) => [code, afterExit(code)])).toEqual([
    [0, 'off'],
    [1, 'again'],
    [32, 'again'],
    [33, 'again'],
    [34, 'again'],
    [35, 'no'],
    [36, 'again'],
    [127, 'no'],
    [137, 'again'],
    [143, 'again'],
  ]);
});
