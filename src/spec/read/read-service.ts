import * as z from 'zod';
import type { Suite } from '../../core/suite.ts';
import { nearest } from '../../core/text/nearest.ts';
import type { Finding, YamlPath } from '../problem.ts';
import { check } from '../rules/check.ts';
import type { Service } from '../service.ts';
import { BUILTIN_SERVICES, IMPLICIT_SERVICE } from '../services/registry.ts';
import { serviceOf } from './own-service.ts';
import { ownService } from './schema.ts';

/** One entry of `services`, read as far as it goes. */
export interface ServiceEntry {
  readonly path: YamlPath;
  /** The name as it is written, also where the rest is wrong. */
  readonly name: string | undefined;
  /** As written, too. */
  readonly needs: readonly string[];
  readonly isBuiltin: boolean;
  readonly service: Service | undefined;
  readonly findings: readonly Finding[];
}

/** An entry with `use` is a service that vmkit knows and its options; another one is a service of one's own. */
export function readService(raw: unknown, index: number, suite: Suite): ServiceEntry {
  const path = ['services', index];
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    return { path, name: undefined, needs: [], isBuiltin: false, service: undefined, findings: [] };
  }
  return 'use' in raw ? readBuiltin(raw, raw.use, suite, path) : readOwn(raw, path);
}

function readOwn(raw: object, path: YamlPath): ServiceEntry {
  const { value, findings } = check(ownService, raw, path);
  const service = value === undefined ? undefined : serviceOf(value);
  const { name, needs } = writtenSchema.parse(raw);
  return { path, name, needs, isBuiltin: false, service, findings };
}

/** What the rules on names use, also where other fields are wrong. */
const writtenSchema = z.object({
  name: z.string().optional().catch(undefined),
  needs: z.array(z.string()).catch([]).default([]),
});

function readBuiltin(raw: object, use: unknown, suite: Suite, path: YamlPath): ServiceEntry {
  const name = typeof use === 'string' ? use : undefined;
  const entry = { path, name, needs: [], isBuiltin: true, service: undefined };
  // The implicit one is refused by name, among the rules.
  if (name === IMPLICIT_SERVICE) return { ...entry, findings: [] };
  const builtin = name === undefined ? undefined : BUILTIN_SERVICES.get(name);
  if (builtin === undefined) return { ...entry, findings: [unknownService(use, path)] };
  const { use: _, ...options } = { use, ...raw };
  const { value, findings } = check(builtin.options.strict(), options, path);
  if (value === undefined) return { ...entry, findings };
  const service = builtin.create(options, suite);
  return { ...entry, needs: service.needs, service, findings };
}

function unknownService(use: unknown, path: YamlPath): Finding {
  const known = [...BUILTIN_SERVICES.keys()];
  const meant = nearest(String(use), known);
  return {
    path: [...path, 'use'],
    expected: `one of ${known.join(', ')}`,
    hint:
      meant === undefined
        ? 'A service of your own has a name and a run script instead of `use`.'
        : `Did you mean ${meant}?`,
  };
}
