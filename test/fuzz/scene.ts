import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Dice } from '../support/run/dice.ts';
import { someDefinition } from './definitions.ts';

const IDENTITY = {
  machineId: '0'.repeat(32),
  dataDiskUuid: '0d4f5a3e-1c2b-4a5d-9e8f-001122334455',
  hasDataDisk: true,
  created: '2024-01-01T00:00:00.000Z',
};
const PORT = { service: 'ssh', name: 'ssh', protocol: 'ssh', guestPort: 22, hostPort: 9 };

/** state.json of a machine `name` whose QEMU is `pid`. */
function stateOf(name: string, pid: number): string {
  const accelerator = { name: 'tcg', reason: 'none' };
  const sizes = { cpus: 1, memoryMib: 256 };
  const lists = { services: ['ssh', 'hello'], ports: [PORT], tells: [], needs: [], artifacts: { kernel: 'k' } };
  const startedAt = '2024-01-01T00:00:00.000Z';
  return JSON.stringify({
    version: 1,
    name,
    pid,
    startTime: 1,
    startedAt,
    accelerator,
    sshPort: 9,
    ...sizes,
    ...lists,
  });
}

/**
 * A person's computer below `root`: definitions in `cwd`, and what vmkit keeps of two machines in `home`. Then some of it is broken. `theirs` belongs to another
 * user.
 */
export function makeScene(root: string, theirs: string, dice: Dice): void {
  const put = (path: string, content: string | Uint8Array, mode = 0o644): void => {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content, { mode });
  };
  put('cwd/vm/a/vm.yaml', someDefinition(dice));
  put('cwd/vm/b/vm.yaml', someDefinition(dice).replace('name: a', 'name: b'));
  put('cwd/more.config', dice.pick(['CONFIG_TUN=y\n', 'CONFIG_TUN', '\0', '']));
  put(
    'cwd/kernel',
    dice.pick([gzipSync('CONFIG_TUN=y\n').subarray(0, 20), Buffer.from('IKCFG_ST\x1f\x8bxIKCFG_ED', 'latin1')]),
  );
  put('cwd/empty', '');
  mkdirSync(join(root, 'tmp'));
  const data = 'home/.local/share/vmkit';
  const state = 'home/.local/state/vmkit';
  for (const name of ['a', 'b']) {
    if (dice.chance(0.3)) continue;
    put(`${data}/machines/${name}/identity.json`, JSON.stringify(IDENTITY), 0o600);
    put(`${data}/machines/${name}/data.img`, dice.pick(['', 'x'.repeat(5000)]), 0o600);
    put(`${data}/machines/${name}/lock`, '');
    put(`${data}/machines/${name}/power.lock`, dice.pick(['', '{', stateOf(name, process.pid)]));
    put(`${data}/machines/${name}/secrets/hello/key`, 'x\n', 0o600);
    put(
      `${state}/machines/${name}/state.json`,
      dice.pick(['', 'null', '[]', stateOf(name, 1), stateOf('c', 1)]),
      0o600,
    );
    put(`${state}/machines/${name}/console.log`, 'Linux\n\x1b]0;x\x07\n');
    put(`${state}/machines/${name}/events.log`, '{"event":"phase","phase":"init","uptime":1}\n{"event":\n');
  }
  put(`${state}/host/journal.json`, dice.pick(['[]', '{', '{"version":1}', 'null']));
  put(`${data}/sources.json`, dice.pick(['{}', '{', '[]']));
  put('home/.cache/vmkit/store/manifest.json', '{');
  const breaks = dice.pick([0, 0, 1, 1, 2, 3]);
  // Listed before: a folder that is broken may be closed.
  const all = readdirSync(root, { recursive: true, encoding: 'utf8' });
  for (let each = 0; each < breaks; each += 1) breakOne(join(root, dice.pick(all)), theirs, dice);
}

type Break = (path: string, theirs: string, dice: Dice) => void;

const BREAKS: readonly Break[] = [
  (path, _theirs, dice) => chmodSync(path, dice.pick([0o000, 0o200, 0o400, 0o444, 0o555, 0o777])),
  (path) => rmSync(path, { recursive: true }),
  (path) => replace(path, () => mkdirSync(path)),
  (path, _theirs, dice) => replace(path, () => writeFileSync(path, dice.pick(['', 'x', '{}', '\0'.repeat(100)]))),
  (path, _theirs, dice) => replace(path, () => symlinkSync(dice.pick([path, ...ELSEWHERE]), path)),
  (path, theirs, dice) => replace(path, () => symlinkSync(join(theirs, dice.pick(THEIRS)), path)),
  (path) => renameSync(path, `${path}.moved`),
  (path) => chmodSync(statSync(path).isDirectory() ? path : dirname(path), 0o555),
  (path) => (statSync(path).isFile() ? writeFileSync(path, Buffer.from([0xff, 0xfe, 0, 0x80])) : chmodSync(path, 0)),
];
const ELSEWHERE = ['/nowhere/x', '/dev/zero', '/dev/null', '/proc/self/mem', '/'];
const THEIRS = ['open', 'closed', 'folder', 'closed-folder'];

/** One file or folder is not what it should be. */
function breakOne(path: string, theirs: string, dice: Dice): void {
  try {
    dice.pick(BREAKS)(path, theirs, dice);
  } catch {
    // What was broken before cannot always be broken again.
  }
}

function replace(path: string, make: () => void): void {
  rmSync(path, { recursive: true, force: true });
  make();
}
