import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseSubnet } from '../../../src/core/addresses/ipv4.ts';
import { planPhoneNetwork } from '../../../src/host/android/phone-network.ts';
import { isProgram, searchPath } from '../../../src/host/local/search-path.ts';
import { BACKOFF, EXIT_CODES } from '../../../src/machine/phone/exit.ts';
import { launcher } from '../../../src/machine/phone/launcher.ts';
import { machineFunctions } from '../../../src/machine/phone/machine-functions.ts';
import { besideScript, consoleScript, startScript, stopScript } from '../../../src/machine/phone/machine-script.ts';
import { networkScript } from '../../../src/machine/phone/network-script.ts';
import { PHONE_APPLETS, PHONE_PROGRAMS, superviseScript } from '../../../src/machine/phone/supervise-script.ts';
import { dialectOf } from '../../../src/machine/vmm/crosvm/dialect.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { plan } from '../plan.ts';

const place = {
  program: '/apex/com.android.virt/bin/crosvm',
  fileOf: (role: string): string => `/data/vmkit/it's/${role}`,
  socket: '/data/adb/vmkit/machines/sql/control.sock',
  input: '/data/adb/vmkit/machines/sql/input',
  tap: 'sql',
  cid: 3,
  hypervisor: 'gunyah' as const,
};
const changes = planPhoneNetwork(
  {
    name: 'vmkit',
    bridge: 'vmkit0',
    subnet: parseSubnet('192.168.100.0/24') ?? { base: 0, bits: 0 },
    egress: 'phone',
    taps: [{ name: 'sql', meetsOthers: false }],
  },
  { routes: [], rules: { ipv4: '', ipv6: '' }, hasIpv6: true, hasNat6: true, tun: 'elsewhere', hasDevNet: false },
);
const SCRIPTS = {
  supervise: superviseScript(),
  launcher: launcher(),
  network: networkScript(changes),
  start: startScript(plan, place, dialectOf('named'), {
    path: '/data/adb/vmkit/power.lock',
    record: { name: 'sql', tells: "it's" },
  }),
  stop: stopScript(place),
  beside: besideScript(plan, '192.168.100.2', '/data/adb/vmkit/state/sql/run/console.sock'),
  console: consoleScript(),
};
const has = (program: string): boolean => isProgram(program, searchPath(process.env['PATH'] ?? ''));

describe.each(Object.entries(SCRIPTS))('%s', (name, script) => {
  test('is as it stands', async () => {
    await expect(script).toMatchFileSnapshot(`../../golden/phone/${name}.sh`);
  });

  test.skipIf(!has('mksh'))('is read by mksh, the shell of a phone', () => {
    execFileSync('mksh', ['-n'], { input: script });
  });

  test.skipIf(!has('shellcheck'))('has nothing that shellcheck warns of', () => {
    // 2034, 2154: one script reads what another sets. 2086, 2116: words of a rule are words. 1091: the other script.
    const argv = ['--shell=ksh', '--severity=warning', '--exclude=SC2034,SC2154,SC2148', '-'];
    execFileSync('shellcheck', argv, { input: script });
  });

  test('calls only what every release from Android 13 on has', () => {
    // What Debian's BusyBox, bash or toybox has and a phone has not, and what mksh has not built in.
    const foreign =
      /(?:^|[;|&({]\s*|\bdo |\bthen )\s*(wget|httpd|tunctl|su|watchdog|reboot|logger|getopt|brctl|vi|nft|awk|sudo|pkill|killall|printf|local|declare|eval) /m;
    expect(foreign.exec(script)?.[1]).toBeUndefined();
  });
});

test('the launcher leaves the shell of BusyBox', () => {
  expect(launcher()).toMatch(/unset ASH_STANDALONE\nexport PATH=\/system\/bin\nexec \/system\/bin\/sh /);
});

test('every exit code of crosvm is in the supervisor with what follows from it', () => {
  for (const [code, { after }] of Object.entries(EXIT_CODES)) {
    expect(SCRIPTS.supervise).toMatch(new RegExp(`^    ${code}\\) .* then=${after} ;;$`, 'm'));
  }
  expect(BACKOFF.lastS).toBeGreaterThan(BACKOFF.firstS);
});

test('nothing is killed by a name, and no setting of the phone is changed', () => {
  for (const script of Object.values(SCRIPTS))
    expect(script).not.toMatch(/pkill|killall|settings (put|delete)|device_config/);
  expect([...PHONE_APPLETS, ...PHONE_PROGRAMS]).not.toContain('settings');
});

test.skipIf(!has('mksh'))(
  'a phone that sleeps while a machine stops leaves out no step, and none of them hangs',
  async () => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, 'stop'), '');
    const script = `${machineFunctions()}
say() { echo "$1"; }
seconds() { echo $clock; }
timeout() { echo "timeout $*"; }
name=sql asked='' since='' clock=7
sleep 60 &
pid=$!
exec 6>typed
stop; stop
clock=507; stop; stop
clock=1007; stop; stop
wait $pid
echo "$?, $(<qemu.log) $(<typed)"
`;
    expect(execFileSync('mksh', ['-c', script], { cwd, encoding: 'utf8' }).split('\n')).toEqual([
      ...['sql is asked to power off', 'sql is told to end', 'sql is killed'],
      ...['137, timeout -k 1 10 /system/bin/sh ./stop ', '/run/vmkit/poweroff', ''],
    ]);
  },
);

test.skipIf(!has('mksh'))(
  'start says who it is, with what was recorded of it, becomes crosvm and keeps the lock',
  async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'power.lock');
    const crosvm = join(folder, 'crosvm');
    await writeFile(path, '');
    // A STAND-IN: says whether the lock is held while it runs.
    await writeFile(crosvm, `#!/bin/sh\nread -r stat </proc/$$/stat\nflock -n ${path} true || echo "$$ held"\n`, {
      mode: 0o755,
    });
    const record = { name: 'sql', tells: [{ text: `it's "so" \\n $HOME` }] };
    const script = startScript(plan, { ...place, program: crosvm, hypervisor: 'kvm' }, dialectOf('named'), {
      path,
      record,
    });
    const start = (): string => execFileSync('mksh', ['-c', `exec 8</dev/null\n${script}`], { encoding: 'utf8' });
    const pid = Number(/^(\d+) held\n$/.exec(start())?.[1]);
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ ...record, pid, startTime: expect.any(Number) });
    expect(Number(/^(\d+) held\n$/.exec(start())?.[1])).not.toBe(pid);
  },
);
