import type { Arch } from '../../core/arch.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import type { HostEndpoint } from '../../host/endpoint.ts';
import type { Host, HostProcess } from '../../host/host.ts';
import type { CardEnd } from '../../spec/networks/network.ts';
import type { PlacedMachine } from '../placing.ts';
import type { Started } from '../state/started.ts';
import type { Launch, SavedFiles } from './launch/launch-script.ts';
import type { OpenFile } from './launch/open-file.ts';
import type { Logs } from './launch/recorder.ts';
import type { AcceleratorName, VmmFacts, VmmName } from './vmm-facts.ts';

/** What runs the guest's code, and in words why. */
export interface Accelerator {
  readonly name: AcceleratorName;
  readonly reason: string;
}

/**
 * What a monitor can do beyond running a guest with disks:
 * - host-ports: ports of the host lead to the guest's, or `endpoint` says where they are.
 * - user-network: the first card of spec/networks/user-network.ts, which leads to the world.
 * - an end of a second card.
 * - power-key: asks the guest to power off as a person would.
 * - own-user: runs as a user of the machine's own where root starts it.
 */
export type Ability = 'host-ports' | 'user-network' | 'power-key' | 'own-user' | CardEnd;

/** A machine whose accelerator is to be decided. */
export interface Trial {
  readonly machine: Omit<PlacedMachine, 'accelerator'>;
  /** What the verdict depends on beside this host's boot: versions of the monitor and of the kernel. */
  readonly version: string;
  /** As whom the monitor runs, where that is not who starts it. */
  readonly user: number | undefined;
}

/** A command, and the files that it is given open. */
export interface VmmCommand {
  readonly argv: readonly string[];
  readonly files: readonly OpenFile[];
}

/** How a placed machine is started. */
export interface Start extends Pick<Launch, 'lock'> {
  readonly runDir: string;
  /** As whom the monitor runs; undefined: as whoever starts it. */
  readonly user: number | undefined;
  /** What is in the disk without a file. */
  readonly secrets: Uint8Array;
}

/** Why a guest does not run although its monitor is there. */
export interface Held {
  /** The monitor's own word, or `sigstop`. */
  readonly state: string;
  /** What happened, as the end of a sentence about the machine. */
  readonly text: string;
  /** What makes it go on. */
  readonly hint: string;
  /** no-room: it waits for room on the host's disk, and may be told to go on at any time. ending: it is about to end. */
  readonly kind: 'no-room' | 'ending' | 'other';
  /** False where nothing but a stop is left. */
  readonly canGoOn: boolean;
}

/** A copy of the data disk of a machine that runs, as it is when `begin` is back. */
export interface DiskCopy {
  /** Takes milliseconds, however large the disk is. */
  begin(): Promise<void>;
  /** Back when the copy is whole, at its place. */
  finish(): Promise<void>;
  /** Gives it up, and removes what there is of it. Does nothing after `finish`. */
  drop(): Promise<void>;
}

/** What a guest writes to its data disk, noted for as long as its monitor runs. */
export interface ChangeNotes {
  /** Notes it from now on, under a name, and forgets what was noted before. */
  begin(since: string, sockets: Sockets, host: Host): Promise<void>;
  /** How much it is, in bytes; undefined where nothing is noted under that name. */
  bytes(since: string, sockets: Sockets, host: Host): Promise<number | undefined>;
  /** Gets ready to copy that, and no more, to an image of its own (qcow2). Throws `disk-full`. */
  copy(since: string, paths: MachinePaths, to: string, context: Context): Promise<DiskCopy>;
}

/** A guest whose memory is in a file. */
export interface SavedGuest extends Pick<Started, 'argv' | 'files' | 'accelerator'>, SavedFiles {
  readonly logs: Logs;
}

/** Saves the memory of a guest, and starts a guest from it. */
export interface MemoryKeeper {
  /** Back when the guest stands still and the new file holds its memory. Whatever fails, the guest goes on. `limitBytes`: what the file may take. */
  save(file: string, limitBytes: number, paths: MachinePaths, context: Context): Promise<void>;
  /** Starts the same monitor in the background, with a guest that stands still until it is told to go on. */
  start(saved: SavedGuest, start: Start, host: Host): Promise<HostProcess>;
  /** moving: its memory is on the way, in or out. still: it waits for `goOn`. going: it runs. Throws where the monitor does not answer. */
  phase(sockets: Sockets, host: Host): Promise<'moving' | 'still' | 'going'>;
  /** Gives up a save that is on the way. */
  cancel(sockets: Sockets, host: Host): Promise<void>;
  goOn(sockets: Sockets, host: Host): Promise<void>;
}

type Sockets = Pick<MachinePaths, 'controlSocket'>;

/** A driver of one virtual machine monitor. It acts on the host that it is given, and keeps nothing between two calls. */
export interface Vmm {
  readonly name: VmmName;
  /** For people. */
  readonly title: string;
  readonly abilities: ReadonlySet<Ability>;
  /** Its program for machines of an architecture. */
  program(arch: Arch): string;
  /** What a kernel has to be told about the board, the console first. */
  kernelParameters(arch: Arch): string;
  /** Asks its program. Throws `tool-failed`. */
  facts(arch: Arch, context: Context): Promise<VmmFacts>;
  /** The accelerator as far as it is known without a trial. */
  knownAccelerator(trial: Trial, context: Context): Promise<Accelerator | undefined>;
  /** The same, by a trial where need be. */
  decideAccelerator(trial: Trial, context: Context): Promise<Accelerator>;
  /** Pure. For a process in the machine's `runDir`, where it makes its sockets. */
  command(machine: PlacedMachine): VmmCommand;
  /** Where a running guest's port is, in place of a port of the host; undefined while nobody knows. */
  endpoint?(guestPort: number, paths: Pick<MachinePaths, 'monitorLog'>, host: Host): Promise<HostEndpoint | undefined>;
  /** Starts it in the background, in a new `runDir`. */
  start(machine: PlacedMachine, start: Start, host: Host): Promise<HostProcess>;
  /** What holds the guest; undefined when it runs, or when its monitor does not answer in time. Changes nothing. */
  whatHolds(process: HostProcess, sockets: Sockets, host: Host): Promise<Held | undefined>;
  /** Tells a guest that is held to go on; whether it does is seen by `whatHolds`. Throws where the monitor cannot be told. */
  resume(held: Held, process: HostProcess, sockets: Sockets, host: Host): Promise<void>;
  /** Only with the ability `power-key`. Throws where the monitor cannot be told within so many milliseconds. */
  pressPowerKey(sockets: Sockets, withinMs: number, host: Host): Promise<void>;
  /** Tells it to end, as if the power were cut. Throws where it cannot be told. */
  quit(sockets: Sockets, host: Host): Promise<void>;
  /**
   * Where somebody beside vmkit starts the machine anew when it ends: tells him to power it off, and to leave it so. With `withinS`, in seconds, back when he has let go of it; throws where
   * he does not.
   */
  release?(name: string, host: Host, withinS?: number): Promise<void>;
  /** Gets ready to copy the data disk to `to`, where the guest's monitor can do that while the guest runs. Throws `disk-full`. */
  copyDisk?(paths: MachinePaths, to: string, context: Context): Promise<DiskCopy>;
  /** Where it can tell what a guest wrote. */
  readonly changes?: ChangeNotes;
  /** Makes the data disk of a guest that runs larger, in bytes; the guest's file system is as it was. */
  growDisk?(sockets: Sockets, bytes: number, host: Host): Promise<void>;
  /** Where it can suspend a machine. */
  readonly memory?: MemoryKeeper;
  /** What it takes of the host's memory, for the guest and for itself; undefined where that cannot be known. */
  usedMib(process: HostProcess, host: Host): Promise<number | undefined>;
  /** Overwrites what came on standard input, which the guest has read. */
  forgetSecrets(process: HostProcess, host: Host): Promise<void>;
}
