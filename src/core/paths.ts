import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { requireName, requirePathPart } from './text/names.ts';

/**
 * Where vmkit keeps things on the host, by the XDG base directory specification.
 * Everything on disk is named here and nowhere else.
 */
export interface Paths {
  /** Artifacts, downloads, compiler cache: may be deleted at any time. */
  readonly cache: string;
  /** Data disks and secrets: what must never be lost. */
  readonly data: string;
  /** Running machines: pids, sockets, consoles. */
  readonly state: string;
}

/** The folders of one machine. */
export interface MachinePaths {
  readonly stateDir: string;
  readonly dataDir: string;
  /** Held by the verb that works on the machine. Beside the disk: every XDG_STATE_HOME finds the same one. */
  readonly lock: string;
  /** Held by the machine's monitor (QEMU) for as long as it runs; says who that is. */
  readonly powerLock: string;
  /** Logins wait before lock files that begin with it. */
  readonly loginLine: string;
  readonly stateFile: string;
  /** How its monitor was started. */
  readonly startedFile: string;
  /** Since when the machine is not well, and who was told. */
  readonly healthFile: string;
  /** What the guest prints. Of this log and the two that follow, the part before the newest file is under the same name with `.1`. */
  readonly consoleLog: string;
  /** What vmkit's own scripts in the guest say of themselves, one event a line. */
  readonly eventsLog: string;
  /** What the monitor says. */
  readonly monitorLog: string;
  /** The monitor's current folder, its own: the sockets that it makes, and nothing that vmkit reads. */
  readonly runDir: string;
  readonly consoleSocket: string;
  /** The monitor's own: QEMU speaks QMP there. */
  readonly controlSocket: string;
  /** The monitor listens on it for the switch of a private network. */
  readonly linkSocket: string;
  /** The monitor listens on both for the gate: on the first for the guest's network card, on the second for the user network. */
  readonly gateGuestSocket: string;
  readonly gateWorldSocket: string;
  readonly gateLog: string;
  readonly dataDisk: string;
  /** Identity of the machine: its id, the data disk's UUID. */
  readonly identityFile: string;
  /** What `unexpose` could not take back in a guest that was off: the next boot does. */
  readonly unserveFile: string;
  /** Generated secrets, 0600 files in a 0700 folder. */
  readonly secretsDir: string;
  /** One folder for each snapshot of the data disk. */
  readonly snapshotsDir: string;
  /** What the machine was booted from: a folder for each set of artifacts with its definition, and which of them got ready last. */
  readonly setsDir: string;
  readonly setsFile: string;
  /** Its memory, and all that it takes to start from it: while it is being saved, while it counts, and once it has been taken. */
  readonly suspendingDir: string;
  readonly suspendedDir: string;
  readonly resumedDir: string;
  /** There while the machine moves to another host: where to. */
  readonly movingFile: string;
  /** Held by who backs the machine up: one at a time, while its own lock is free again. */
  readonly backupLock: string;
  /** Where its backups went last. */
  readonly backupFile: string;
  /** What a backup consists of, until it is saved. */
  readonly stagingDir: string;
  /** What is to take the place of the machine's files, not whole yet. */
  readonly incomingDir: string;
  /** The same, whole: whoever takes the machine's lock puts it in place. */
  readonly decidedDir: string;
}

export function resolvePaths(env: NodeJS.ProcessEnv = process.env): Paths {
  const home = env['HOME'] || homedir();
  const base = (variable: string, fallback: string): string => {
    const folder = env[variable] ?? '';
    // "If an implementation encounters a relative path in any of these variables it should [...] ignore it."
    return join(isAbsolute(folder) ? folder : join(home, fallback), 'vmkit');
  };
  return {
    cache: base('XDG_CACHE_HOME', '.cache'),
    data: base('XDG_DATA_HOME', '.local/share'),
    state: base('XDG_STATE_HOME', '.local/state'),
  };
}

/** The names of the sockets in the monitor's own folder. */
export const SOCKETS = {
  console: 'console.sock',
  control: 'qmp.sock',
  link: 'link.sock',
  gateGuest: 'gate-guest.sock',
  gateWorld: 'gate-world.sock',
} as const;

/** The one place that makes paths from a machine's name. Throws `bad-name`. */
export function machinePaths(paths: Paths, name: string): MachinePaths {
  requireName(name);
  const stateDir = join(paths.state, 'machines', name);
  const dataDir = join(paths.data, 'machines', name);
  const runDir = join(stateDir, 'run');
  return {
    stateDir,
    dataDir,
    lock: join(dataDir, 'lock'),
    powerLock: join(dataDir, 'power.lock'),
    loginLine: join(dataDir, 'login.lock'),
    stateFile: join(stateDir, 'state.json'),
    startedFile: join(stateDir, 'started.json'),
    healthFile: join(stateDir, 'health.json'),
    consoleLog: join(stateDir, 'console.log'),
    eventsLog: join(stateDir, 'events.log'),
    runDir,
    consoleSocket: join(runDir, SOCKETS.console),
    controlSocket: join(runDir, SOCKETS.control),
    linkSocket: join(runDir, SOCKETS.link),
    gateGuestSocket: join(runDir, SOCKETS.gateGuest),
    gateWorldSocket: join(runDir, SOCKETS.gateWorld),
    gateLog: join(stateDir, 'gate.log'),
    monitorLog: join(stateDir, 'qemu.log'),
    dataDisk: join(dataDir, 'data.img'),
    identityFile: join(dataDir, 'identity.json'),
    unserveFile: join(dataDir, 'unserve.json'),
    secretsDir: join(dataDir, 'secrets'),
    snapshotsDir: join(dataDir, 'snapshots'),
    suspendingDir: join(dataDir, 'suspending'),
    suspendedDir: join(dataDir, 'suspended'),
    resumedDir: join(dataDir, 'resumed'),
    movingFile: join(dataDir, 'moving.json'),
    setsDir: join(dataDir, 'sets'),
    setsFile: join(dataDir, 'sets.json'),
    backupLock: join(dataDir, 'backup.lock'),
    backupFile: join(dataDir, 'backup.json'),
    stagingDir: join(dataDir, 'backup'),
    incomingDir: join(dataDir, 'incoming'),
    decidedDir: join(dataDir, 'decided'),
  };
}

/** Of backups: beside the machines, so that it outlives them. */
export interface BackupPaths {
  /** Where backups go when no other place is named. */
  readonly repository: string;
  /** Passwords of repositories, one file each. */
  readonly passwordsDir: string;
  /** restic's: may be deleted at any time. */
  readonly cache: string;
}

export function backupPaths({ data, cache }: Paths): BackupPaths {
  const folder = join(data, 'backups');
  return {
    repository: join(folder, 'repository'),
    passwordsDir: join(folder, 'passwords'),
    cache: join(cache, 'restic'),
  };
}

/** What vmkit keeps about its changes to the host itself. */
export function hostPaths(paths: Paths): { readonly lock: string; readonly journal: string } {
  return { lock: join(paths.state, 'host', 'lock'), journal: join(paths.state, 'host', 'journal.json') };
}

/** A private network between machines of this user. `network` is the first address of its subnet. */
export interface NetworkPaths {
  readonly lock: string;
  /** One file per machine on it: NAME.json. */
  readonly membersDir: string;
  /** The pid of its switch. */
  readonly switchFile: string;
  readonly switchLog: string;
}

export function networkPaths(paths: Paths, network: string): NetworkPaths {
  requirePathPart(network);
  const directory = join(networksDir(paths), network);
  return {
    lock: join(directory, 'lock'),
    membersDir: join(directory, 'members'),
    switchFile: join(directory, 'switch.json'),
    switchLog: join(directory, 'switch.log'),
  };
}

export function networksDir(paths: Paths): string {
  return join(paths.state, 'networks');
}
