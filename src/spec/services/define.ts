import * as z from 'zod';
import { DEBIAN_SUITE, type Suite } from '../../core/suite.ts';
import type { Service } from '../service.ts';
import { size } from '../units.ts';

/** A service that vmkit knows: the options that vm.yaml may give it, and the value they make. Pure. */
export interface BuiltinService {
  readonly options: z.ZodObject;
  /** Throws a ZodError when `raw` does not fit `options`; the loader checks first, to report lines. `suite` is that of its packages. */
  create(raw: unknown, suite?: Suite): Service;
}

/** The least that a service can start in. */
const LEAST_MIB = 16;

/** What every service may be given, vmkit's own and yours. */
export const everyService = {
  memory: size(LEAST_MIB)
    .optional()
    .describe(
      'The most memory that it may have, with all that it starts and its files in memory; without a limit, all of the machine. A service that needs more is killed and started again; of PostgreSQL, the query is',
    ),
};

const common = z.looseObject(everyService);

export function defineService<S extends z.ZodObject>(
  options: S,
  create: (options: z.output<S>, suite: Suite) => Service,
): BuiltinService {
  return {
    options: options.extend(everyService).meta(options.meta() ?? {}),
    create: (raw, suite = DEBIAN_SUITE) => {
      const { memory, ...own } = common.parse(raw);
      return { ...create(options.parse(own), suite), memoryMib: memory };
    },
  };
}
