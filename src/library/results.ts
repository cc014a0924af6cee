import type { Protocol } from '../core/protocol.ts';

/**
 * What a program is given. These types are spelled out, though others in src/ are much like them: theirs follow the files
 * that vmkit keeps and the libraries that read these, and a program should see neither.
 */

/** A port of a machine that is open on this computer. */
export interface Port {
  readonly service: string;
  /** As the definition calls it: `web`. */
  readonly name: string;
  readonly protocol: Protocol;
  /** In the machine. */
  readonly guestPort: number;
  /** On 127.0.0.1; UDP: on every address of this computer. */
  readonly hostPort: number;
  /** `http://127.0.0.1:8000`, `127.0.0.1:5432`, `UDP 51820`. */
  readonly address: string;
}

/** A machine of which every service answers. */
export interface BootedMachine {
  readonly name: string;
  /** It ran before: it was only waited for. */
  readonly wasRunning: boolean;
  /** It runs, and its definition has changed since it was booted: stop and boot it. */
  readonly isOutdated: boolean;
  /** With `rollback: auto`: it did not get ready with what is new, and runs again as it did before. Ids are those of snapshots. */
  readonly wentBack: { readonly why: string; readonly snapshot: string; readonly kept: string } | undefined;
  /** What the definition says otherwise, a line each, for people. */
  readonly changes: readonly string[];
  /** Seconds from power-on until every service was ready, as the guest's kernel counts. */
  readonly bootedAfter: number | undefined;
  readonly accelerator: { readonly name: 'kvm' | 'tcg'; readonly reason: string };
  /** `Linux 6.12.9, vmkit's own`; undefined for a machine that an older vmkit started. */
  readonly kernel: string | undefined;
  readonly ports: readonly Port[];
  /** What to log in with, and the file of this computer that holds the secret. */
  readonly logins: readonly { readonly service: string; readonly text: string; readonly file: string }[];
}

export interface StoppedMachine {
  readonly name: string;
  readonly wasRunning: boolean;
  /** Undefined where it did not run. `forced`, in words: what did not go the clean way; empty after a clean stop. */
  readonly stopped:
    | { readonly seconds: number; readonly askedBy: string | undefined; readonly forced: readonly string[] }
    | undefined;
}

export interface ServiceStatus {
  readonly name: string;
  readonly state: 'waiting' | 'starting' | 'ready' | 'unready' | 'late' | 'ended' | 'stopping' | 'stopped';
  /** Seconds since power-on, as the guest's kernel counts. */
  readonly startedAt: number | undefined;
  readonly readyAt: number | undefined;
  /** How often its process ended. */
  readonly ends: number;
  /** How often of these the kernel killed it for want of memory: its limit, or without one the machine's. Absent: never. */
  readonly outOfMemory?: { readonly times: number; readonly limitMib: number | undefined };
}

export interface MachineStatus {
  readonly name: string;
  /** `degraded`: it booted, and now not every service is ready. `crashed`: its QEMU is gone without a clean stop. */
  readonly condition:
    | 'off'
    | 'crashed'
    | 'booting'
    | 'running'
    | 'degraded'
    | 'failed'
    | 'stopping'
    | 'paused'
    | 'suspended';
  /** Why no code of a paused machine runs, and what to do. */
  readonly held: { readonly text: string; readonly hint: string } | undefined;
  readonly upSeconds: number | undefined;
  readonly services: readonly ServiceStatus[];
  readonly ports: readonly Port[];
}

/** The files that a machine boots from. */
export interface BuiltFiles {
  readonly kernel: string;
  /** squashfs. */
  readonly root: string;
  readonly initramfs: string;
  /** Executables that Debian does not have; undefined for a machine that needs none. */
  readonly components: string | undefined;
  /** squashfs; undefined for a kernel without modules. */
  readonly modules: string | undefined;
}

/** A way in that was set up. */
export interface Exposed {
  readonly machine: string;
  readonly service: string;
  readonly way: string;
  /** What a person types at a peer. */
  readonly address: string;
  /** Milliseconds from the peer's dial to the first byte; undefined where nobody looked from a peer. */
  readonly firstByteMs: number | undefined;
  /** Why nobody looked from a peer, where there is more to say. */
  readonly whyUntried: string | undefined;
  /** False: it was there already. */
  readonly isNew: boolean;
}

/** What `expose` did and is no more. */
export interface TakenBack {
  /** In words. */
  readonly takenBack: readonly string[];
  /** What the next boot takes back: the machine is off. */
  readonly leftForBoot: readonly string[];
}
