import { join } from 'node:path';
import { VERB_NAMES } from '../../src/cli/parse/verbs.ts';
import type { Dice } from '../support/run/dice.ts';

export interface Call {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The current folder, below the scene. */
  readonly cwd: string;
  readonly isCwdDeleted: boolean;
  readonly umask: number;
  /** How many files can still be opened; undefined: the usual number. */
  readonly filesLeft: number | undefined;
}

const TARGETS = [
  ...['a', 'a', 'a', 'b', 'c', 'sql', 'A', '', '.', '..', '/', '-', 'a/b', '../cwd', './vm/a', 'vm/a/vm.yaml', 'vm'],
  ...['kernel', './kernel', './more.config', './empty', './vm', '/dev/zero', '/dev/null', '/proc/self/mem', '/root/x'],
  ...['/proc/1/environ', `x${'y'.repeat(300)}`, '__proto__', 'ä', '\u0001', 'vm.yaml', '/etc', './vm/a/vm.yaml/x'],
];

const OPTIONS = [
  ...[
    '--json',
    '-v',
    '--help',
    '--dry-run',
    '--yes',
    '--adopt',
    '--qr',
    '--follow',
    '-f',
    '--setup',
    '--all',
    '--update',
  ],
  ...[
    '--within=1',
    '--within=x',
    '--lines=0',
    '--lines=-1',
    '--component=x',
    '--component=tailscale=./empty',
    '--component',
    '--profile=postgres',
  ],
  ...[
    '--source=./vm',
    '--source=/dev/null',
    '--arch=arm64',
    '--arch=z80',
    '--fragment=./more.config',
    '--output=./out',
  ],
  ...[
    '--nonsense',
    '--host=ssh://',
    '--host=ssh://x y',
    '--host=http://x',
    '--host=',
    '--html=./x.html',
    '--via=serve',
    '--tap=a=1',
  ],
  ...[
    '--tap=a=10.0.0.2',
    '--subnet=1.2.3.4',
    '--',
    'more',
    'rotate',
    'postgres',
    'phone',
    'check',
    'teardown',
    'setup',
    'bash',
  ],
];

/** What a shell may have in its environment by mistake. */
function someEnvironment(root: string, theirs: string, bin: string, dice: Dice): Record<string, string> {
  const env: Record<string, string> = { HOME: join(root, 'home'), PATH: bin, TMPDIR: join(root, 'tmp'), LANG: 'C' };
  const paths = [
    ...[
      '',
      'relative',
      '/',
      '/dev/null',
      '/nowhere/x',
      '/proc/self',
      root,
      join(root, 'cwd', 'empty'),
      join(theirs, 'folder'),
    ],
    ...[join(theirs, 'closed-folder'), join(root, `x${'y'.repeat(200)}`), join(root, 'new folder'), `${root}/\n`],
  ];
  const names = ['HOME', 'TMPDIR', 'XDG_CACHE_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME'];
  for (let each = dice.pick([0, 0, 1, 1, 2]); each > 0; each -= 1) env[dice.pick(names)] = dice.pick(paths);
  if (dice.chance(0.05)) delete env['HOME'];
  if (dice.chance(0.05)) env['PATH'] = dice.pick(['', '/nowhere', join(theirs, 'closed-folder'), root]);
  if (dice.chance(0.05)) env['VMKIT_HOST'] = dice.pick(['ssh://', 'x', 'ssh://127.0.0.1:1', '']);
  if (dice.chance(0.05))
    env['TS_AUTHKEY'] = dice.pick(['file:', 'file:/nowhere', `file:${theirs}/closed`, 'file:/dev/zero', 'x']);
  return env;
}

export function someCall(root: string, theirs: string, bins: readonly string[], dice: Dice): Call {
  const verb = dice.chance(0.95) ? dice.pick(VERB_NAMES) : dice.pick(['', 'bot', '--version', 'help', '-x']);
  const words = Array.from({ length: dice.pick([0, 1, 1, 1, 2, 3]) }, () => dice.pick(TARGETS));
  const options = Array.from({ length: dice.pick([0, 0, 1, 2]) }, () => dice.pick(OPTIONS));
  return {
    argv: [...verb.split(' '), ...words, ...options],
    env: someEnvironment(root, theirs, dice.pick(bins), dice),
    cwd: dice.pick(['cwd', 'cwd', 'cwd', 'cwd/vm', 'cwd/vm/a', 'home']),
    isCwdDeleted: dice.chance(0.03),
    umask: dice.pick([0o022, 0o022, 0o077, 0o000, 0o777]),
    filesLeft: dice.chance(0.03) ? dice.int(20) : undefined,
  };
}
