import type { Arch } from '../../../core/arch.ts';
import { VmkitError } from '../../../core/errors/errors.ts';
import type { Context } from '../../../host/context.ts';
import { DISK_SERIALS } from '../../../spec/disks.ts';
import type { MachineDescription } from '../../description.ts';
import type { VmmFacts } from '../vmm-facts.ts';
import { type CrosvmPlace, KERNEL_PARAMETERS, PROGRAM } from './argv.ts';
import { askArgv, findDialect } from './ask.ts';

/** Asks the build with the command line of a machine that has all that a machine can have. Throws `crosvm-refuses` where it takes none of them. */
export async function crosvmFacts(arch: Arch, { host, signal }: Context): Promise<VmmFacts> {
  const options = { withinMs: 30_000, signal };
  const found = await askBuild(PROGRAM, arch, { host, signal });
  if ('refusals' in found) {
    throw new VmkitError(
      'tool',
      'crosvm-refuses',
      `${PROGRAM} on ${host.name} takes no command line of a machine: ${found.refusals.join('; ')}.`,
      { hint: 'crosvm_minimal lacks --net; take the crosvm beside it, or one of your own.' },
    );
  }
  const { stdout } = await host.exec([PROGRAM, 'version'], options);
  return { version: stdout.trim().split('\n')[0] ?? '', hasSandbox: false, dialect: found.dialect };
}

/** Which command line of a machine a build takes; nothing is touched by asking. */
export function askBuild(
  program: string,
  arch: Arch,
  { host, signal }: Pick<Context, 'host' | 'signal'>,
): ReturnType<typeof findDialect> {
  const place = { ...ASKED, program };
  return findDialect((dialect) => host.exec(askArgv(sample(arch), place, dialect), { withinMs: 30_000, signal }));
}

/** Every path exists, so that nothing but the command line can be refused. */
const ASKED: CrosvmPlace = {
  program: PROGRAM,
  fileOf: () => '/dev/null',
  socket: '/nonexistent/vmkit.sock',
  input: undefined,
  tap: 'vmkit-none',
  cid: 3,
  hypervisor: 'kvm',
};

function sample(arch: Arch): MachineDescription & { readonly commandLine: string } {
  return {
    name: 'vmkit-asks',
    arch,
    cpus: 2,
    memoryMib: 256,
    disks: [
      { serial: DISK_SERIALS.root, isReadOnly: true },
      { serial: DISK_SERIALS.data, isReadOnly: false },
    ],
    services: [],
    ports: [],
    network: { kind: 'bridge', address: '192.168.100.2' },
    needs: [],
    commandLine: KERNEL_PARAMETERS,
  };
}
