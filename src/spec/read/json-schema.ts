import * as z from 'zod';
import { BUILTIN_SERVICES } from '../services/registry.ts';
import { definition, ownService } from './schema.ts';

/** The JSON schema of vm.yaml, made from what the loader itself checks with. Its services: the built-in ones, then one's own. */
export function definitionSchema(): z.core.JSONSchema.JSONSchema {
  const builtin = [...BUILTIN_SERVICES].map(([name, { options }]) =>
    z.strictObject({ use: z.literal(name), ...options.shape }).meta(options.meta() ?? {}),
  );
  const services = z
    .array(z.union([...builtin, ownService]))
    .min(1)
    .describe('What runs in the machine: services that vmkit knows, and your own');
  const schema = z.toJSONSchema(z.strictObject({ ...definition.shape, services }), {
    io: 'input',
    // zod leaves out the examples of what it reads into another form; ours are as they are written.
    override: ({ zodSchema, jsonSchema }) => {
      const { examples } = z.globalRegistry.get(zodSchema) ?? {};
      if (Array.isArray(examples)) jsonSchema.examples = examples;
    },
  });
  return { title: 'A machine of vmkit', ...schema };
}

/** The same as a file for editors. */
export function definitionJsonSchema(): string {
  return `${JSON.stringify(definitionSchema(), null, 2)}\n`;
}
