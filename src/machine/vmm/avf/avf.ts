import { dirname, join } from 'node:path/posix';
import { VmkitError } from '../../../core/errors/errors.ts';
import type { Host, HostProcess } from '../../../host/host.ts';
import { readText } from '../../../host/read-text.ts';
import type { PlacedMachine } from '../../placing.ts';
import { monitorGone } from '../monitor-gone.ts';
import type { Accelerator, Start, Vmm } from '../vmm.ts';
import type { AvfRelease, VmmFacts } from '../vmm-facts.ts';
import { AVF_FILES, avfPlace, runFolder } from './avf-place.ts';
import { avfScript } from './avf-script.ts';
import { cidIn } from './cid.ts';
import { avfConfig, KERNEL_PARAMETERS, vmRunArgv } from './config.ts';
import { type AvfFound, findAvf, VM } from './find-avf.ts';

const BY_ANDROID: Accelerator = { name: 'kvm', reason: "the phone's hypervisor" };

/** Android's own machines (AVF), for adb's user without root: no network card; `vm run` is the machine, and ends with adbd. */
export const avf: Vmm = {
  name: 'avf',
  title: 'AVF',
  abilities: new Set(['host-ports']),
  program: () => VM,
  kernelParameters: () => KERNEL_PARAMETERS,
  facts: async (arch, context) => {
    const found = await findAvf(arch, context);
    if ('lacks' in found) throw monitorGone(context.host.name, found.lacks);
    return avfFacts(found);
  },
  knownAccelerator: async () => BY_ANDROID,
  decideAccelerator: async () => BY_ANDROID,
  command: (machine) => ({ argv: command(machine), files: [] }),
  endpoint: async (port, { monitorLog }, host) => {
    const vsock = cidIn((await readText(monitorLog, host)) || (await readText(`${monitorLog}.1`, host)));
    return vsock === undefined ? undefined : { vsock, port };
  },
  start,
  // A machine of AVF has no pause, and its guest is no child of ours.
  whatHolds: async () => undefined,
  resume: async () => undefined,
  pressPowerKey: async () => {
    throw new TypeError('AVF has no power key.');
  },
  // The machine is gone with the one who asked for it (VmInstance is dropped, vm/src/run.rs).
  quit: async ({ controlSocket }, host) => {
    const script = `kill "$(cat "$1")"`;
    const file = join(dirname(controlSocket), AVF_FILES.pid);
    const { exitCode, stderr } = await host.exec(['sh', '-c', script, 'sh', file], { withinMs: 10_000 });
    if (exitCode !== 0) throw new VmkitError('tool', 'tool-failed', `Ending vm run: ${stderr.trim()}`);
  },
  // What runs the guest is Android's, and not to be asked.
  usedMib: async () => undefined,
  forgetSecrets: zeroSecrets,
};

export function avfFacts({ release }: AvfFound): VmmFacts {
  return { version: `AVF of Android ${release}`, hasSandbox: true, release };
}

function releaseOf({ facts }: PlacedMachine): AvfRelease {
  return facts.release ?? '13';
}

function command(machine: PlacedMachine): string[] {
  return vmRunArgv(machine, avfPlace(machine), join(runFolder(machine.logs), AVF_FILES.config), releaseOf(machine));
}

async function start(machine: PlacedMachine, { runDir, lock, secrets }: Start, host: Host): Promise<HostProcess> {
  if (lock === undefined) throw new TypeError('A machine of AVF without its lock.');
  const script = avfScript({
    argv: command(machine),
    config: avfConfig(machine, avfPlace(machine), releaseOf(machine)),
    logs: machine.logs,
    lock,
    folder: runDir,
    inputBytes: secrets.length,
    consoleSocket: join(runDir, 'console.sock'),
  });
  return host.start(['sh', '-c', script], { logFile: machine.logs.monitor, input: secrets });
}

/** The file stays the one that the guest has open, and is all zeros from now on. */
async function zeroSecrets({ pid }: HostProcess, host: Host): Promise<void> {
  const script = `size=$(stat -c %s "$1") && truncate -s 0 "$1" && truncate -s "$size" "$1"`;
  await host.exec(['sh', '-c', script, 'sh', `/proc/${pid}/cwd/${AVF_FILES.secrets}`], { withinMs: 30_000 });
}
