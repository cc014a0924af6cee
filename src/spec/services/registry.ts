import type { Service } from '../service.ts';
import type { BuiltinService } from './define.ts';

/** The services that vmkit knows, by the name that vm.yaml uses. */
export const BUILTIN_SERVICES: ReadonlyMap<string, BuiltinService> = new Map<string, BuiltinService>([]);

/** vmkit's own way in, in every machine. */
export const IMPLICIT_SERVICE = 'ssh';

export function implicitServices(): Service[] {
  return [];
}
