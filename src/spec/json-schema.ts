import * as z from 'zod';
import { definition, ownService } from './schema.ts';
import { BUILTIN_SERVICES } from './services/registry.ts';

/** The JSON schema of vm.yaml for editors, made from what the loader itself checks with. */
export function definitionJsonSchema(): string {
  const builtin = [...BUILTIN_SERVICES].map(([name, { options }]) =>
    z.strictObject({ use: z.literal(name), ...options.shape }).describe(`The service ${name}`),
  );
  const services = z.array(z.union([...builtin, ownService])).min(1);
  const schema = z.toJSONSchema(z.strictObject({ ...definition.shape, services }), { io: 'input' });
  return `${JSON.stringify({ title: 'A machine of vmkit', ...schema }, null, 2)}\n`;
}
