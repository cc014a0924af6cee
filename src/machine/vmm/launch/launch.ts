import { VmkitError } from '../../../core/errors/errors.ts';
import type { Host, HostProcess } from '../../../host/host.ts';
import type { PlacedMachine } from '../../placing.ts';
import type { Start, VmmCommand } from '../vmm.ts';
import { launchScript, type SavedFiles } from './launch-script.ts';

/** Starts a monitor's command as a machine's own user, in a new folder of its own. `saved`: from a memory, which it has open at `memoryFd`. */
export async function launch(
  { argv, files }: VmmCommand,
  machine: Pick<PlacedMachine, 'accelerator' | 'logs'>,
  { runDir, user, lock, secrets }: Start,
  host: Host,
  saved?: SavedFiles,
): Promise<HostProcess> {
  const own = user === undefined ? undefined : { id: user, group: await kvmGroup(machine, host) };
  if (own !== undefined) {
    // QEMU opens them a second time. There is no secret in either.
    await must(['chmod', '0644', ...bootFiles(files)], host);
  }
  const script = launchScript({
    argv,
    files,
    logs: machine.logs,
    folder: runDir,
    user: own,
    lock,
    inputBytes: secrets.length,
    saved,
  });
  // --norc: bash reads ~/.bashrc where its standard input is a socket, as Node's pipes are.
  return host.start(['bash', '--norc', '-c', script], { logFile: machine.logs.monitor, input: secrets });
}

function bootFiles(files: VmmCommand['files']): readonly string[] {
  return files.flatMap(({ role, path }) =>
    ['kernel', 'initramfs'].includes(role) && path !== undefined ? [path] : [],
  );
}

/** The group that may open /dev/kvm. Never root's. */
async function kvmGroup({ accelerator }: Pick<PlacedMachine, 'accelerator'>, host: Host): Promise<number | undefined> {
  if (accelerator !== 'kvm') return undefined;
  const gid = (await host.stat('/dev/kvm'))?.gid;
  return gid === 0 ? undefined : gid;
}

async function must(argv: readonly string[], host: Host): Promise<void> {
  const { exitCode, stderr } = await host.exec(argv, { withinMs: 30_000 });
  if (exitCode !== 0) throw new VmkitError('tool', 'tool-failed', `${argv[0]} on ${host.name}: ${stderr.trim()}`);
}
