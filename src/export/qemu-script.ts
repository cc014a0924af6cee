import type { Engine, Exported, ExportedFile, ExportedMachine } from './machine.ts';
import { commonNotes, requireNoHostCard, worldNotes } from './notes.ts';
import { hasPrivateCard, qemuWords, shellWord } from './qemu-words.ts';
import { DISKS, readyScript, script, stopScript, TAKE } from './scripts.ts';

/** Scripts for a POSIX shell, QEMU and flock (util-linux). */
export const qemuScript: Engine = { title: 'QEMU, by shell scripts', render };

function render(machine: ExportedMachine): Exported {
  const { name } = machine;
  return {
    files: qemuScripts(machine),
    steps: [
      './run &          # QEMU, until the machine is off',
      './ready          # back once every service answers',
      'tail -f console.log events.log',
      './stop',
    ],
    notes: [
      ...qemuNotes(machine),
      `A login on the console: \`socat -,raw,echo=0 UNIX-CONNECT:console.sock\`, in the folder of ${name}.`,
    ],
  };
}

/** `run`, `ready` and `stop`. */
export function qemuScripts(machine: ExportedMachine): readonly ExportedFile[] {
  requireNoHostCard(machine, 'QEMU without vmkit');
  return [
    runScript(machine),
    readyScript(machine),
    // Open for reading, too: to open a FIFO that nobody reads would wait.
    stopScript(machine, `echo system_powerdown 1<>control.in\n`),
  ];
}

export function qemuNotes(machine: ExportedMachine): string[] {
  return [
    ...commonNotes(machine),
    ...worldNotes(machine),
    ...(hasPrivateCard(machine)
      ? [
          'Its private network is multicast on the loopback of this host: every program here can listen and speak there. Under vmkit only the machines can.',
        ]
      : []),
    'QEMU tries KVM where /dev/kvm can be written. `ACCEL=tcg ./run` takes software emulation. vmkit would try it out.',
    'Logs begin anew with each start and have no limit.',
  ];
}

function runScript(machine: ExportedMachine): ExportedFile {
  const kvm = qemuWords(machine, 'kvm').map(shellWord);
  const tcg = qemuWords(machine, 'tcg').map(shellWord);
  const variables: { readonly name: string; readonly kvm: string; readonly tcg: string }[] = [];
  const words = kvm.map((word, at) => {
    const other = tcg[at] ?? '';
    if (word === other) return word;
    const name = (kvm[at - 1] ?? '').replace(/^-+/, '');
    variables.push({ name, kvm: word, tcg: other });
    return `"$${name}"`;
  });
  const set = (accelerator: 'kvm' | 'tcg'): string =>
    variables.map((variable) => `${variable.name}=${variable[accelerator]}`).join(' ');
  return script(
    'run',
    `Runs ${machine.name} by QEMU, until it is off. ACCEL: kvm or tcg. DATA, SECRETS: other places of these disks. RUN: a folder for logs and sockets.`,
    `${TAKE}${DISKS}rm -f control.in control.out
mkfifo control.in control.out
[ -w /dev/kvm ] || ACCEL=tcg
case \${ACCEL:-kvm} in
kvm) ${set('kvm')} ;;
*) ${set('tcg')} ;;
esac
exec ${lines(words)}
`,
  );
}

/** An option a line. */
function lines(words: readonly string[]): string {
  return words.map((word, at) => (at === 0 ? word : word.startsWith('-') ? ` \\\n  ${word}` : ` ${word}`)).join('');
}
