import type { z } from 'zod';
import type { Service } from '../service.ts';

/** A service that vmkit knows: the options that vm.yaml may give it, and the value they make. Pure. */
export interface BuiltinService {
  readonly options: z.ZodObject;
  /** Throws a ZodError when `raw` does not fit `options`; the loader checks first, to report lines. */
  create(raw: unknown): Service;
}

export function defineService<S extends z.ZodObject>(
  options: S,
  create: (options: z.output<S>) => Service,
): BuiltinService {
  return { options, create: (raw) => create(options.parse(raw)) };
}
