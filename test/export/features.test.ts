import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { ENGINE_NAMES, type EngineName, exportTo } from '../../src/export/engines.ts';
import type { ExportedMachine } from '../../src/export/machine.ts';
import type { NetworkSpec } from '../../src/spec/networks/network-spec.ts';
import { networkSchema } from '../../src/spec/networks/networks.ts';
import { definition, ownService } from '../../src/spec/read/schema.ts';
import { exportedMachine as machine } from '../support/services/exported-machine.ts';

/** What a key of vm.yaml comes to with an engine: words that are then in its files, its README among them; or `cannot`: the error `export-cannot`. */
type Answer = RegExp | 'cannot';

/**
 * A key of vm.yaml, and what each engine makes of it.
 * `image`: the guest's own, in the kernel, the root, the components or the initramfs, which are the same bytes for all engines, or in secrets.img.
 */
type Key = 'image' | ({ readonly of: Partial<ExportedMachine> } & Readonly<Record<EngineName, Answer>>);

/** The same answer of all engines, but those that are named. */
function all(
  of: Partial<ExportedMachine>,
  answer: Answer,
  others: Partial<Record<EngineName, Answer>> = {},
): Exclude<Key, 'image'> {
  return {
    of,
    systemd: answer,
    libvirt: answer,
    kubevirt: answer,
    incus: answer,
    crosvm: answer,
    firecracker: answer,
    'qemu-script': answer,
    ...others,
  };
}

const network = (spec: NetworkSpec): Partial<ExportedMachine> => ({ network: spec });
const user = { kind: 'user', world: 'internet', hostAccess: [] } as const;
const port = machine.ports[0];
const ports = (change: object): Partial<ExportedMachine> => ({
  ports: port === undefined ? [] : [{ ...port, ...change }],
});
/** QEMU's user network cannot keep `internet`, the scripts of TAPs can. */
const taps = (answer: Answer): Partial<Record<EngineName, Answer>> => ({ crosvm: answer, firecracker: answer });

const lan = { kind: 'macvtap', on: 'eth7', address: '192.168.1.50/24' } as const;
const notOnLan = (of: NetworkSpec, libvirt: Answer): Key => all(network(of), 'cannot', { libvirt });

const KEYS: Readonly<Record<string, Key>> = {
  name: all({ name: 'other' }, /vmkit\.hostname=other\b/),
  arch: all({ arch: 'arm64', isElf: false }, /For arm64/),
  cpus: all({ cpus: 3 }, /-smp 3/, {
    libvirt: /<vcpu>3</,
    kubevirt: /cores: 3\n/,
    incus: /limits\.cpu: "3"/,
    crosvm: / -c 3 /,
    firecracker: /"vcpu_count": 3,/,
  }),
  memory: all({ memoryMib: 768 }, /-m 768/, {
    libvirt: /<memory unit='MiB'>768</,
    kubevirt: /guest: 768Mi/,
    incus: /limits\.memory: 768MiB/,
    crosvm: / -m 768 /,
    firecracker: /"mem_size_mib": 768,/,
  }),
  data: all({ dataMib: 5000 }, /has 5000 MiB when it is made, and does not grow/),
  kernel: all({ kernelText: 'Linux 7, a file' }, /Linux 7, a file/),
  needs: all({ needs: ['news'] }, /needs news: export that too/),
  packages: 'image',
  suite: 'image',
  rollback: all({}, /`rollback` and `notify` are for `vmkit boot`/),
  notify: all({}, /`rollback` and `notify` are for `vmkit boot`/),
  'network.user': all(network(user), /sql/),
  'network.user.world': all(network({ ...user, world: 'none' }), /restrict=on/, {
    kubevirt: /`world` is not kept/,
    ...taps(/iifname sql-u drop/),
  }),
  'network.user.hostAccess': all(network({ ...user, hostAccess: [8443] }), /`hostAccess` included/, {
    kubevirt: /`world` is not kept/,
    ...taps(/`hostAccess` is not kept/),
  }),
  'network.private': all(network({ ...user, kind: 'private', address: '192.168.9.2' }), /239\.168\.9\.1/, {
    kubevirt: /NetworkAttachmentDefinition/,
    ...taps(/vm-168-9/),
  }),
  'network.private.address': all(network({ ...user, kind: 'private', address: '192.168.9.7' }), /52:54:01:a8:09:07/),
  'network.private.world': all(
    network({ ...user, kind: 'private', address: '192.168.9.2', world: 'none' }),
    /restrict=on/,
    {
      kubevirt: /`world` is not kept/,
      ...taps(/iifname sql-u drop/),
    },
  ),
  'network.private.hostAccess': all(
    network({ ...user, kind: 'private', address: '192.168.9.2', hostAccess: [1] }),
    /`hostAccess` included/,
    { kubevirt: /`world` is not kept/, ...taps(/`hostAccess` is not kept/) },
  ),
  'network.bridge': all(network({ kind: 'bridge', address: '192.168.200.2' }), 'cannot'),
  'network.bridge.address': all(network({ kind: 'bridge', address: '192.168.200.3' }), 'cannot'),
  'network.macvtap': notOnLan(lan, /<interface type='direct'>/),
  'network.macvtap.on': notOnLan(lan, /dev='eth7'/),
  'network.macvtap.address': notOnLan(lan, /<mac address='52:54:/),
  // The guest's own routes.
  'network.macvtap.gateway': 'image',
  'services.name': 'image',
  'services.needs': 'image',
  'services.packages': 'image',
  'services.components': all({ disks: [{ serial: 'vmkit-components', isReadOnly: true }] }, /components\.img/),
  'services.user': 'image',
  'services.env': 'image',
  'services.setup': 'image',
  'services.memory': 'image',
  'services.run': 'image',
  // The guest says that all is ready; engines wait for its word, or ask a port.
  'services.ready': all({ readyWithinS: 77 }, /\b77\b/, { kubevirt: /--timeout=77s/ }),
  'services.afterReady': 'image',
  'services.stop': 'image',
  'services.backup': all({}, /What `backup` in vm\.yaml runs/),
  'services.files': 'image',
  'services.secrets': all({}, /secrets\.img/),
  'services.ports.name': all(ports({ name: 'own' }), /sql/, { kubevirt: /name: postgres-own\n/ }),
  'services.ports.port': all(ports({ guestPort: 1234 }), /-10\.0\.2\.15:1234/, {
    kubevirt: /port: 1234\n/,
    ...taps(/dnat to 10\.0\.2\.15:1234/),
  }),
  'services.ports.protocol': all(ports({ protocol: 'udp' }), /hostfwd=udp:/, {
    kubevirt: /protocol: UDP/,
    ...taps(/udp dport 15432/),
  }),
  'services.ports.host': all(ports({ hostPort: 4321 }), /127\.0\.0\.1:4321-/, {
    kubevirt: /on the ports of the guest/,
    ...taps(/dport 4321/),
  }),
};

const shape = z.record(z.string(), z.unknown());
const object = z.object({ properties: shape.optional(), items: z.object({ properties: shape.optional() }).optional() });

/** The keys of a group, and of the groups that a list in it holds. */
function keysOf(schema: unknown, at = ''): string[] {
  const { properties = {} } = object.parse(schema);
  return Object.entries(properties).flatMap(([key, inner]) => {
    const items = object.safeParse(inner).data?.items;
    const path = `${at}${key}`;
    return items?.properties === undefined || !['ports', 'services'].includes(key) ? [path] : keysOf(items, `${path}.`);
  });
}

function allKeys(): string[] {
  const kinds = z.object({ oneOf: z.array(z.object({ properties: shape })) });
  const { oneOf } = kinds.parse(z.toJSONSchema(networkSchema, { io: 'input' }));
  const networks = oneOf.flatMap(({ properties: { kind, ...keys } }) => {
    const name = z.object({ const: z.string() }).parse(kind).const;
    return [`network.${name}`, ...Object.keys(keys).map((key) => `network.${name}.${key}`)];
  });
  const top = keysOf(z.toJSONSchema(definition, { io: 'input' })).filter((key) => key !== 'network');
  return [...top, ...networks, ...keysOf(z.toJSONSchema(ownService, { io: 'input' }), 'services.')];
}

test('every key of vm.yaml is answered for', () => {
  expect(Object.keys(KEYS).sort()).toEqual(allKeys().sort());
});

describe.each(ENGINE_NAMES)('%s', (engine) => {
  test.each(Object.entries(KEYS).flatMap(([key, each]) => (each === 'image' ? [] : [[key, each] as const])))(
    '%s is in what it writes, or refused, or told',
    (_, each) => {
      const render = (): string =>
        exportTo(engine, { ...machine, ...each.of })
          .files.map(({ content }) => content)
          .join('\n');
      const answer = each[engine];
      if (answer === 'cannot') expect(render).toThrow(expect.objectContaining({ code: 'export-cannot' }));
      else expect(render()).toMatch(answer);
    },
  );

  test('a UDP port that `world: none` closes is told', () => {
    const closed = exportTo(engine, { ...machine, network: { ...user, world: 'none' } });
    expect(closed.notes.join('\n')).toContain('wireguard/tunnel');
  });
});
