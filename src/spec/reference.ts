import { stringify } from 'yaml';
import type * as z from 'zod';

type Schema = z.core.JSONSchema.JSONSchema;

const HEAD = `# vm.yaml

<!-- Made from src/spec by test/spec/load.test.ts: npx vitest run --project unit test/spec/load.test.ts -u -->

A file \`vm/NAME/vm.yaml\` describes one machine. vmkit reads it, refuses what it does not understand, and names the line.
The first line of the example lets editors with a YAML language server complete and check the keys.

\`\`\`yaml
# yaml-language-server: $schema=../vm.schema.json
name: visits
memory: 512MiB
data: 1GiB
services:
  - use: postgres
    databases: [{ name: visits, owner: visits }]
  - name: visits
    needs: [postgres]                                # starts when PostgreSQL answers
    env: { PGHOST: /run/postgresql, PGDATABASE: visits }
    files:
      - path: /srv/visits/cgi-bin/count
        mode: "0755"
        content: |
          #!/bin/sh
          printf 'Content-Type: text/plain\\r\\n\\r\\nYou are visitor '
          exec psql -Atqc 'INSERT INTO visit DEFAULT VALUES RETURNING number'
    run: |
      psql -qc 'CREATE TABLE IF NOT EXISTS visit (number serial)'
      exec /run/vmkit/busybox httpd -f -p 8000 -h /srv/visits
    ready: { http: http://127.0.0.1:8000/cgi-bin/count }
    ports: [{ name: web, port: 8000, protocol: http, host: 8000 }]
\`\`\`

How values are written:

- **size**: a number with \`MiB\` or \`GiB\`, such as \`768MiB\`.
- **duration**: a number with \`ms\`, \`s\` or \`m\`, such as \`60s\`.
- **name**: at most 31 of a–z, 0–9 and \`-\`; a letter first, no \`-\` at the end.
- **script**: lines for \`/bin/sh\`; the first command that fails ends it.

A key of a group is written with a dot: \`ready.http\` means \`ready: { http: … }\`. A key of the entries of a list is written with brackets:
\`files[].path\` means \`files: [{ path: … }]\`.`;

const OWN = `An entry without \`use\` is a program of your own. It starts when the services in \`needs\` are ready, runs as a user of its own,
is started again when it ends, and is stopped in reverse order. What it prints is its log: \`vmkit logs MACHINE SERVICE\`.`;

/** docs/vm-yaml.md: every key of a definition, from its JSON schema (json-schema.ts). Pure. */
export function renderReference(schema: Schema): string {
  const { services, network, ...others } = keysOf(schema);
  const entries = itemsOf(services)?.anyOf ?? [];
  const builtin = entries.filter((entry) => 'use' in keysOf(entry));
  const own = entries.filter((entry) => !('use' in keysOf(entry)));
  const parts = [
    HEAD,
    `## The machine\n\nFurther keys: [\`network\`](#network), [\`services\`](#services).\n\n${table({ ...schema, properties: others })}`,
    `## Network\n\n${network?.description}. ${fallbackOf('network', network, schema)} when absent. More in [Networks](networks.md).`,
    ...(network?.oneOf ?? []).map((kind) => section('kind', kind)),
    `## Services\n\n${services?.description}. An entry with \`use\` is one that vmkit knows:`,
    ...builtin.map((entry) => `${section('use', entry)}${examples(entry)}`),
    ...own.map((entry) => `### A service of your own\n\n${OWN}\n\n${table(entry)}`),
  ];
  return `${parts.map((part) => part.trim()).join('\n\n')}\n`;
}

/** A variant, which the value of one key tells from others. */
function section(key: string, schema: Schema): string {
  const { const: value } = keysOf(schema)[key] ?? {};
  return `### \`${key}: ${value}\`\n\n${schema.description ?? ''}\n\n${table(schema)}`;
}

function examples(schema: Schema): string {
  const use = keysOf(schema)['use']?.const;
  const fences = (schema.examples ?? []).map((example) => {
    const services = [{ use, ...(typeof example === 'object' ? example : {}) }];
    return `\n\n\`\`\`yaml\n${stringify({ services })}\`\`\``;
  });
  return fences.join('');
}

function table(schema: Schema): string {
  const rows = rowsOf(schema, '');
  return rows.length === 0 ? '' : `| key | value | default | meaning |\n|---|---|---|---|\n${rows.join('\n')}`;
}

/** A row for each key and, below it, for the keys of its group or of the entries of its list. */
function rowsOf(schema: Schema, above: string): string[] {
  return Object.entries(keysOf(schema)).flatMap(([name, value]) => {
    if (value.const !== undefined) return [];
    const key = `${above}${name}`;
    const cells = [`\`${key}\``, describeValue(value), fallbackOf(name, value, schema), value.description ?? ''];
    const items = itemsOf(value);
    return [
      `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`,
      ...(value.anyOf ?? [value]).flatMap((each) => rowsOf(each, `${key}.`)),
      ...(items === undefined ? [] : rowsOf(items, `${key}[].`)),
    ];
  });
}

function describeValue(schema: Schema): string {
  const { title, type, enum: choices, minimum, maximum, oneOf, anyOf } = schema;
  if (title !== undefined) return title;
  if (choices !== undefined) return choices.map((choice) => `\`${choice}\``).join(', ');
  if (oneOf !== undefined) return 'one of several groups';
  if (anyOf !== undefined) return anyOf.map(describeValue).join(', or ');
  const items = itemsOf(schema);
  if (items !== undefined) return `list: ${describeValue(items)}`;
  if (type === 'integer') return `${minimum} to ${maximum}`;
  if (type === 'boolean') return '`true`, `false`';
  return type === 'string' ? 'text' : 'group';
}

function fallbackOf(name: string, { default: fallback, properties }: Schema = {}, { required = [] }: Schema): string {
  if (required.includes(name)) return '**required**';
  if (fallback === undefined || (properties !== undefined && fallback !== null && isEmpty(fallback))) return '';
  return `\`${stringify(fallback, { collectionStyle: 'flow', lineWidth: 0 }).trim()}\``;
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function keysOf({ properties = {} }: Schema): Record<string, Schema> {
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, value]) => (typeof value === 'boolean' ? [] : [[name, value]])),
  );
}

function itemsOf(schema: Schema | undefined): Schema | undefined {
  const items = schema?.items;
  return typeof items === 'boolean' || Array.isArray(items) ? undefined : items;
}
