import { vmmOf } from '../machine/vmm/drivers.ts';
import { USER_NETWORK } from '../spec/networks/user-network.ts';
import { linkMac, networkScript, tapsOf } from './host-tap.ts';
import { commandLineOf, type Engine, EXPORTED_FILES, type Exported, type ExportedMachine } from './machine.ts';
import { commonNotes, requireNoHostCard } from './notes.ts';
import { shellWord } from './qemu-words.ts';
import { DISKS, readyScript, script, stopScript, TAKE } from './scripts.ts';

/** crosvm on Linux with KVM, by vmkit's own driver; its two serial lines are the console and the events. */
export const crosvm: Engine = { title: 'crosvm', render };

function render(machine: ExportedMachine): Exported {
  requireNoHostCard(machine, 'crosvm');
  return {
    files: [
      script(
        'run',
        `Runs ${machine.name} by crosvm, until it is off.`,
        `${TAKE}${DISKS}rm -f console.in qmp.sock
mkfifo console.in
# crosvm waits for somebody who may write.
exec 7<>console.in
exec ${words(machine).join(' ')}
`,
      ),
      networkScript(machine),
      readyScript(machine),
      stopScript(machine, PRESS),
    ],
    steps: [
      'sudo ./network up "$USER"',
      './run &',
      './ready',
      'tail -f console.log events.log',
      './stop',
      'sudo ./network down',
    ],
    notes: [
      ...commonNotes(machine),
      ...tapNotes(machine),
      'crosvm needs KVM. The command is that of crosvm since 2023.',
    ],
  };
}

/** The console is a root shell, after Enter. Open for reading, too: to open a FIFO that nobody reads would wait. */
export const PRESS = `printf '\\n/run/vmkit/poweroff\\n' 1<>console.in\n`;

export function tapNotes(machine: ExportedMachine): string[] {
  return [
    `\`network\` gives the guest its usual network: two machines that were exported so cannot be on one host at once, unless each has a network namespace (ip-netns(8)).`,
    'IPv6 does not lead out of the guest.',
    ...('hostAccess' in machine.network && machine.network.hostAccess.length > 0
      ? ['`hostAccess` is not kept: the guest reaches nothing of this host.']
      : []),
  ];
}

function words(machine: ExportedMachine): string[] {
  const { argv, files } = vmmOf({ vmm: 'crosvm' }).command({
    ...machine,
    // Its cards are TAPs, added below.
    network: { kind: 'user', world: 'none', hostAccess: [] },
    facts: { version: '', hasSandbox: false, dialect: 'named' },
    accelerator: 'kvm',
    kernel: EXPORTED_FILES.kernel,
    initramfs: EXPORTED_FILES.initramfs,
    commandLine: commandLineOf(machine, 'console=ttyS0 vmkit.events=ttyS1'),
    diskFiles: EXPORTED_FILES,
    forwards: [],
    device: undefined,
    logs: { console: 'console.log', events: 'events.log', monitor: 'monitor.log' },
  });
  const written = argv.map((word) => {
    const [before = '', fd, after = ''] = word.split(/\/proc\/self\/fd\/(\d+)/);
    if (fd === undefined) return shellWord([word]);
    const file = files.find((each) => each.fd === Number(fd))?.path ?? '';
    return shellWord([before, { file }, file === 'console.log' ? `${after},input=console.in` : after]);
  });
  const options = written.indexOf('-p');
  return [...written.slice(0, options), ...cards(machine), ...written.slice(options)];
}

function cards(machine: ExportedMachine): string[] {
  const { user, link } = tapsOf(machine);
  const own = linkMac(machine);
  return [
    ...['--net', `tap-name=${user},mac=${USER_NETWORK.mac}`],
    ...(own === undefined ? [] : ['--net', `tap-name=${link},mac=${own}`]),
  ];
}
