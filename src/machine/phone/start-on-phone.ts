import { dirname, join } from 'node:path/posix';
import * as z from 'zod';
import { poll } from '../../core/deadline.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import { safeJson } from '../../core/text/json.ts';
import type { Host, HostProcess } from '../../host/host.ts';
import { readText } from '../../host/read-text.ts';
import { networkOf } from '../../spec/networks/networks.ts';
import type { PlacedMachine } from '../placing.ts';
import { dialectOf } from '../vmm/crosvm/dialect.ts';
import type { Start } from '../vmm/vmm.ts';
import { STOP } from './machine-functions.ts';
import { besideScript, consoleScript, startScript, stopScript } from './machine-script.ts';
import { phonePlace } from './phone-place.ts';
import { MACHINE_FILES as FILES, PHONE } from './places.ts';

/** The supervisor looks at once when it is told to, and each of its looks may first make the network anew. */
const STARTED_WITHIN_MS = 60_000;

/** `$1` the machine, `$2` seconds: it is to be off; back when nobody sees to it any more, 1 when that takes too long. */
const SETTLE = `cd ${PHONE.home} || exit
[ -e "machines/$1/${FILES.wanted}" ] || exit 0
echo off >"machines/$1/${FILES.wanted}"
[ ! -p events ] || echo off 1<>events
left=$(($2 * 5))
until [ ! -e "machines/$1/${FILES.lock}" ] || flock -n 7 7<"machines/$1/${FILES.lock}"; do
  [ "$left" -gt 0 ] || { echo 'It does not end.' >&2; exit 1; }
  left=$((left - 1))
  sleep 0.2
done
`;

/** `$1` the machine, `$2` its folder: it is to be on. The supervisor is begun where it is not there, outside of this session. */
const BEGIN = `cd ${PHONE.home} || exit
mkdir -p machines && ln -sfn "$2" "machines/$1" && echo on >"$2/${FILES.wanted}" && sh ./supervise start || exit
[ ! -p events ] || echo on 1<>events
`;

/**
 * Starts a machine through the phone's supervisor, whose child it is: no session of adb's holds it, and it lives on when that ends. Nothing runs before all of its
 * files are there. Throws `crosvm-failed`, and then the machine is to be off.
 */
export async function startOnPhone(machine: PlacedMachine, { lock, secrets }: Start, host: Host): Promise<HostProcess> {
  if (lock === undefined) throw new TypeError('A machine of a phone without its lock.');
  await release(machine.name, host, STOP.guestS + STOP.crosvmS + 10);
  await host.exec(['truncate', '-s', '0', lock.path], { withinMs: 30_000 });
  const folder = dirname(machine.logs.events);
  const place = phonePlace(machine);
  const { address } = networkOf(machine.network);
  if (address === undefined) throw new TypeError('A machine of a phone without an address.');
  const { consoleSocket } = ofFolder(folder, machine.name);
  const memory = join(PHONE.memory, machine.name);
  const files = {
    [FILES.start]: startScript(machine, place, dialectOf(machine.facts.dialect ?? 'named'), lock),
    [FILES.stop]: stopScript(place),
    [FILES.beside]: besideScript(machine, address, consoleSocket),
    [FILES.console]: consoleScript(),
    [FILES.tap]: `${place.tap}\n`,
    [FILES.needs]: '',
    [FILES.memory]: `${memory}\n`,
  };
  for (const [name, content] of Object.entries(files)) await host.write(join(folder, name), content, 0o600);
  await host.remove(join(folder, FILES.ended));
  await host.makeFolder(PHONE.memory, 0o700);
  await host.write(memory, secrets, 0o600);
  await must(['sh', '-c', BEGIN, 'sh', machine.name, folder], host);
  const process = await poll(() => begun(lock.path, folder, host), { withinMs: STARTED_WITHIN_MS, everyMs: 200 });
  if (process === undefined || process === 'ended') {
    const text = await whyNot(machine.name, machine.logs.monitor, host);
    await release(machine.name, host, 0).catch(() => undefined);
    throw new VmkitError('boot', 'crosvm-failed', `crosvm of ${machine.name} did not start on ${host.name}.${text}`, {
      hint: `On the phone, as root: cat ${PHONE.log}`,
    });
  }
  // Only now: this boot has waited for them itself, and only where that was necessary.
  await host.write(join(folder, FILES.needs), machine.needs.map((name) => `${name}\n`).join(''), 0o600);
  return process;
}

/**
 * Tells the supervisor that a machine is to be off: it asks the guest on its console, later crosvm, and starts it no more. With `withinS`, back when it has ended; throws
 * `crosvm-failed` where it does not.
 */
export async function release(name: string, host: Host, withinS = 0): Promise<void> {
  const argv = ['sh', '-c', SETTLE, 'sh', name, String(withinS)];
  const { exitCode, stderr } = await host.exec(argv, { withinMs: (withinS + 60) * 1000 });
  if (exitCode === 0 || withinS === 0) return;
  throw new VmkitError(
    'host',
    'crosvm-failed',
    `The supervisor of ${host.name} does not let go of ${name}: ${stderr}`,
    {
      hint: `On the phone, as root: cat ${PHONE.log}`,
    },
  );
}

const record = z.object({ pid: z.number(), startTime: z.number(), bootId: z.string() });

/** The process that holds the machine; `ended` where one did and has ended already. */
async function begun(lock: string, folder: string, host: Host): Promise<HostProcess | 'ended' | undefined> {
  const { data } = record.safeParse(safeJson(await readText(lock, host)));
  if (data !== undefined) return data;
  return (await host.stat(join(folder, FILES.ended))) === undefined ? undefined : 'ended';
}

/** What the supervisor and crosvm said last. */
async function whyNot(name: string, monitorLog: string, host: Host): Promise<string> {
  const script = `grep -F " $1" ${PHONE.log} | tail -n 3; tail -n 5 "$2"`;
  const { stdout } = await host.exec(['sh', '-c', script, 'sh', name, monitorLog], { withinMs: 30_000 });
  return stdout === '' ? '' : `\n${stdout.trimEnd()}`;
}

async function must(argv: readonly string[], host: Host): Promise<void> {
  const { exitCode, stderr } = await host.exec(argv, { withinMs: 60_000 });
  if (exitCode === 0) return;
  throw new VmkitError('host', 'crosvm-failed', `The supervisor of ${host.name} was not told: ${stderr.trim()}`, {
    hint: 'vmkit host setup makes it.',
  });
}

/** Its paths, from its state folder. */
function ofFolder(folder: string, name: string): Pick<ReturnType<typeof machinePaths>, 'consoleSocket'> {
  const state = dirname(dirname(folder));
  return machinePaths({ state, data: state, cache: state }, name);
}
