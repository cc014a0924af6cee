/** What verbs are given in their place, where several of them are given the same. */
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
