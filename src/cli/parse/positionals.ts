import type { Options } from 'yargs';

/** What several verbs are given, in its place or as an option. */
export const MACHINE = { type: 'string', demandOption: true, describe: 'The machine' } as const;

export const DEFINITION = {
  type: 'string',
  demandOption: true,
  describe: 'A name, or the path of a definition',
} as const;

export const SERVICE = {
  type: 'string',
  describe: 'A service of the machine. Default: the first one that speaks HTTP',
} as const;

export const KERNEL = {
  type: 'string',
  describe: 'Which kernel, in place of that of the definition: auto, vmkit, debian, or a path',
} as const;

export const COMPONENT = {
  type: 'string',
  array: true,
  default: [],
  describe: 'Use this executable: NAME=PATH; may be repeated',
} satisfies Options;

export const FROM = {
  type: 'string',
  requiresArg: true,
  describe: 'Where backups are, as `backup --to` was given it. Default: where the last one of the machine went',
} satisfies Options;
