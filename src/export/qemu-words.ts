import { quoteWord } from '../core/text/shell-quote.ts';
import type { PlacedMachine } from '../machine/placing.ts';
import { vmmOf } from '../machine/vmm/drivers.ts';
import type { AcceleratorName } from '../machine/vmm/vmm-facts.ts';
import { networkOf } from '../spec/networks/networks.ts';
import { commandLineOf, EXPORTED_FILES, type ExportedMachine } from './machine.ts';
import { forwardsOf, privateGroup } from './notes.ts';

const qemu = vmmOf({ vmm: 'qemu' });

/** A private network without vmkit's switch: QEMU's own, by multicast on this host's loopback (qemu(1), -netdev socket). */
const MULTICAST_PORT = 17_766;

/** The machine as vmkit's own driver of QEMU takes it, with no gate before its network. `fileOf` names its files. */
function placedFor(machine: ExportedMachine, accelerator: AcceleratorName): PlacedMachine {
  const { network } = machine;
  const isGated = 'world' in network && network.world === 'internet';
  return {
    ...machine,
    network: isGated ? { ...network, world: 'host' } : network,
    facts: { version: '', hasSandbox: true },
    accelerator,
    kernel: EXPORTED_FILES.kernel,
    initramfs: EXPORTED_FILES.initramfs,
    commandLine: commandLineOf(machine, qemu.kernelParameters(machine.arch)),
    diskFiles: EXPORTED_FILES,
    forwards: forwardsOf(machine),
    device: undefined,
    logs: { console: 'console.log', events: 'events.log', monitor: 'monitor.log' },
  };
}

/** A word of QEMU's command: its text, or the name of a file in the middle of it. */
type Piece = string | { readonly file: string };

/** The words of vmkit's own command, with files by name in place of descriptors, and a monitor that is a FIFO: a shell can write to it. */
export function qemuWords(machine: ExportedMachine, accelerator: AcceleratorName): Piece[][] {
  const { argv, files } = qemu.command(placedFor(machine, accelerator));
  const words: Piece[][] = [];
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    if (word === '-add-fd') at += 1;
    else if (word === '-qmp') {
      at += 1;
      words.push(['-chardev'], ['pipe,id=control,path=control'], ['-mon'], ['chardev=control,mode=readline']);
    } else words.push(piecesOf(isPrivate(word) ? multicast(machine) : word, files));
  }
  return words;
}

function isPrivate(word: string): boolean {
  return word.startsWith('stream,id=net1,');
}

function multicast(machine: ExportedMachine): string {
  return `socket,id=net1,mcast=${privateGroup(machine)}:${MULTICAST_PORT},localaddr=127.0.0.1`;
}

const DESCRIPTOR = /\/(?:proc\/self\/fd|dev\/fdset)\/(\d+)/;

function piecesOf(word: string, files: ReturnType<typeof qemu.command>['files']): Piece[] {
  const [before = '', number, after = ''] = word.split(DESCRIPTOR);
  if (number === undefined) return [word];
  const file = files.find(({ fd }) => fd === Number(number))?.path ?? '';
  return [before, { file }, after];
}

/** The words of the guest's cards, for an engine that passes words on to QEMU; not of a macvtap, which is no word but a file. */
export function qemuNetworkWords(machine: ExportedMachine): string[] {
  const words = qemuWords(machine, 'tcg').map((pieces) => pieces.join(''));
  const isForeign = (value: string): boolean => machine.network.kind === 'macvtap' && /[=,]net1[,]/.test(value);
  return words.flatMap((word, at) => {
    const value = words[at + 1] ?? '';
    const isCard = word === '-netdev' || (word === '-device' && value.startsWith('virtio-net-pci,'));
    return isCard && !isForeign(value) ? [word, value] : [];
  });
}

/** A word for a shell. Files are in the folder of the script, but those that a run writes or is given. */
export function shellWord(pieces: readonly Piece[]): string {
  return pieces.map((piece) => (typeof piece === 'string' ? quoted(piece) : `"${placeOf(piece.file)}"`)).join('');
}

function quoted(text: string): string {
  return text === '' || /^[A-Za-z0-9_/:=.,@%+-]+$/.test(text) ? text : quoteWord(text);
}

function placeOf(file: string): string {
  if (file === EXPORTED_FILES['vmkit-data']) return '$data';
  if (file === EXPORTED_FILES['vmkit-secrets']) return '$secrets';
  return file.endsWith('.log') ? file : `$here/${file}`;
}

/** Whether a card of the machine leads to a private network. */
export function hasPrivateCard({ network }: ExportedMachine): boolean {
  return networkOf(network).card?.end === 'stream';
}
