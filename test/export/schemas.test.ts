import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import * as z from 'zod';
import { packageRoot } from '../../src/core/package-root.ts';
import { type EngineName, exportTo } from '../../src/export/engines.ts';
import type { ExportedMachine } from '../../src/export/machine.ts';
import { exportedMachine } from '../support/services/exported-machine.ts';

/** A published schema, as schemas/ keeps it: its first words name its version and where it is from. A key that it does not know is wrong. */
async function schemaOf(name: string): Promise<z.ZodType> {
  const text = await readFile(join(packageRoot(), 'test', 'export', 'schemas', `${name}.json`), 'utf8');
  return z.fromJSONSchema(JSON.parse(text));
}

function fileOf(engine: EngineName, path: string, machine: ExportedMachine): string {
  return exportTo(engine, machine).files.find((file) => file.path === path)?.content ?? '';
}

const machines: readonly (readonly [string, ExportedMachine])[] = [
  ['a private network', exportedMachine],
  [
    'the user network, for arm64',
    { ...exportedMachine, arch: 'arm64', isElf: false, network: { kind: 'user', world: 'none', hostAccess: [] } },
  ],
  ['no port', { ...exportedMachine, ports: [] }],
];

describe.each(machines)('%s', (_, machine) => {
  test("Firecracker's own schema takes its configuration", async () => {
    const schema = await schemaOf('firecracker');
    const configuration: unknown = JSON.parse(fileOf('firecracker', 'firecracker.json', machine));
    expect(schema.safeParse(configuration).error?.issues ?? []).toEqual([]);
  });

  test("Incus' own keys take the instance", async () => {
    const schema = await schemaOf('incus');
    const instance: unknown = parse(fileOf('incus', 'sql.yaml', machine));
    expect(schema.safeParse(instance).error?.issues ?? []).toEqual([]);
  });

  test("KubeVirt's own schema takes the VirtualMachine", async () => {
    const schema = await schemaOf('kubevirt');
    const [virtualMachine] = parseAllDocuments(fileOf('kubevirt', 'sql.yaml', machine));
    expect(schema.safeParse(virtualMachine?.toJS()).error?.issues ?? []).toEqual([]);
  });

  test("Kubernetes' own schema takes the Service", async () => {
    const schema = await schemaOf('kubernetes-service');
    const documents = parseAllDocuments(fileOf('kubevirt', 'sql.yaml', machine)).map((each): unknown => each.toJS());
    const services = documents.filter((each) => z.object({ kind: z.literal('Service') }).safeParse(each).success);
    expect(services.length).toBe(machine.ports.some(({ hostPort }) => hostPort !== undefined) ? 1 : 0);
    for (const each of services) expect(schema.safeParse(each).error?.issues ?? []).toEqual([]);
  });
});

test('these schemas refuse a key that they do not know, however deep', async () => {
  const drive = { drive_id: 'a', is_root_device: false, is_readonly: true };
  expect((await schemaOf('firecracker')).safeParse({ drives: [drive] }).success).toBe(false);
  const instance: unknown = parse(fileOf('incus', 'sql.yaml', exportedMachine).replace('limits.memory', 'limits.ram'));
  expect((await schemaOf('incus')).safeParse(instance).success).toBe(false);
  const [virtualMachine] = parseAllDocuments(
    fileOf('kubevirt', 'sql.yaml', exportedMachine).replace('kernelArgs', 'kernelArguments'),
  );
  expect((await schemaOf('kubevirt')).safeParse(virtualMachine?.toJS()).success).toBe(false);
});
