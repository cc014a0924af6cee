import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

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
  readonly lock: string;
  readonly stateFile: string;
  readonly consoleLog: string;
  readonly consoleSocket: string;
  readonly qmpSocket: string;
  /** QEMU listens on it for the switch of a private network. */
  readonly linkSocket: string;
  /** QEMU listens on both for the gate: on the first for the guest's network card, on the second for the user network. */
  readonly gateGuestSocket: string;
  readonly gateWorldSocket: string;
  readonly gateLog: string;
  readonly qemuLog: string;
  readonly secretsDisk: string;
  readonly dataDisk: string;
  /** Identity of the machine: its id, the data disk's UUID. */
  readonly identityFile: string;
  /** Generated secrets, 0600 files in a 0700 folder. */
  readonly secretsDir: string;
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

export function machinePaths(paths: Paths, name: string): MachinePaths {
  const stateDir = join(paths.state, 'machines', name);
  const dataDir = join(paths.data, 'machines', name);
  return {
    stateDir,
    dataDir,
    lock: join(stateDir, 'lock'),
    stateFile: join(stateDir, 'state.json'),
    consoleLog: join(stateDir, 'console.log'),
    consoleSocket: join(stateDir, 'console.sock'),
    qmpSocket: join(stateDir, 'qmp.sock'),
    linkSocket: join(stateDir, 'link.sock'),
    gateGuestSocket: join(stateDir, 'gate-guest.sock'),
    gateWorldSocket: join(stateDir, 'gate-world.sock'),
    gateLog: join(stateDir, 'gate.log'),
    qemuLog: join(stateDir, 'qemu.log'),
    secretsDisk: join(stateDir, 'secrets.img'),
    dataDisk: join(dataDir, 'data.img'),
    identityFile: join(dataDir, 'identity.json'),
    secretsDir: join(dataDir, 'secrets'),
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
