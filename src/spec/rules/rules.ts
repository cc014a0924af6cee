import { nearest } from '../../core/text/nearest.ts';
import { findCycles } from '../order.ts';
import type { Finding } from '../problem.ts';
import type { ServiceEntry } from '../read/read-service.ts';
import type { Service, ServicePort } from '../service.ts';
import { BUILTIN_SERVICES, IMPLICIT_SERVICE, implicitServices } from '../services/registry.ts';
import { uidOf } from '../uid.ts';
import { secretFindings } from './secret-rules.ts';

/** Rules across the fields of a definition. Entries that could not be read count by their name only. */
export function checkAcross(entries: readonly ServiceEntry[]): Finding[] {
  const first = entries.filter((entry, index) => entries.findIndex(({ name }) => name === entry.name) === index);
  const read = first.flatMap(({ service, ...entry }) => (service === undefined ? [] : [{ ...entry, service }]));
  return [
    ...checkNames(entries),
    ...entries.flatMap((entry) => checkNeeds(entry, entries)),
    ...checkCycles(entries),
    ...checkUsers(read),
    ...checkPorts(read, 'port'),
    ...checkPorts(read, 'hostPort'),
    ...read.flatMap(({ service, path }) => secretFindings(service, path)),
  ];
}

type ReadEntry = ServiceEntry & { readonly service: Service };

function checkNames(entries: readonly ServiceEntry[]): Finding[] {
  const seen = new Set<string>();
  return entries.flatMap(({ name, path, isBuiltin }) => {
    if (name === undefined) return [];
    const at = [...path, isBuiltin ? 'use' : 'name'];
    if (name === IMPLICIT_SERVICE) {
      const hint = isBuiltin ? 'Remove this entry.' : 'Take another name.';
      return [{ path: at, message: `every machine has a service ${IMPLICIT_SERVICE} of its own`, hint }];
    }
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return [{ path: at, message: `a second service named ${name}`, hint: 'Names are unique in a machine.' }];
  });
}

function checkNeeds({ name, needs, path, isBuiltin }: ServiceEntry, entries: readonly ServiceEntry[]): Finding[] {
  const names = entries.flatMap(({ name }) => (name === undefined ? [] : [name]));
  const known = new Set([...names, ...implicitServices().map(({ name }) => name)]);
  return needs.flatMap((need, index) => {
    if (known.has(need)) return [];
    if (isBuiltin) {
      return [
        {
          path: [...path, 'use'],
          message: `${name} needs ${need}, which is not here`,
          hint: `Add an entry to services:\n- use: ${need}`,
        },
      ];
    }
    const meant = nearest(need, [...names, ...BUILTIN_SERVICES.keys()]);
    const add = meant === undefined || names.includes(meant) ? '' : ` Then add to services:\n- use: ${meant}`;
    const hint = meant === undefined ? `Services here: ${names.join(', ')}.` : `Did you mean ${meant}?${add}`;
    return [{ path: [...path, 'needs', index], message: `there is no service ${need}`, hint }];
  });
}

function checkCycles(entries: readonly ServiceEntry[]): Finding[] {
  const named = entries.flatMap(({ name, needs, path }) => (name === undefined ? [] : [{ name, needs, path }]));
  return findCycles(named).map((cycle) => ({
    path: [...(named.find(({ name }) => name === cycle[0])?.path ?? []), 'needs'],
    message: `a cycle: ${cycle.join(' → ')}`,
    hint: 'Each waits until the next is ready, so none ever starts. Remove one of these needs.',
  }));
}

/** Users' ids are digests of their names (uid.ts): two names may meet. */
function checkUsers(entries: readonly ReadEntry[]): Finding[] {
  const owners = new Map<number, string>();
  return entries.flatMap(({ service: { user }, path }) => {
    const uid = uidOf(user);
    const owner = owners.get(uid) ?? user;
    owners.set(uid, owner);
    if (owner === user) return [];
    return [{ path, message: `the users ${owner} and ${user} get the same id, ${uid}`, hint: 'Rename one of them.' }];
  });
}

/** Two services on one port, in the machine or on the host. Named at the second, with the first. */
function checkPorts(entries: readonly ReadEntry[], side: 'port' | 'hostPort'): Finding[] {
  const implicit = side === 'port' ? implicitServices() : [];
  const owners = new Map(implicit.flatMap(({ name, ports }) => ports.map(({ port }) => [port, name] as const)));
  return entries.flatMap((entry) =>
    entry.service.ports.flatMap((port, index) => {
      const number = port[side];
      if (number === undefined) return [];
      const key = port.protocol === 'udp' ? -number : number;
      const owner = owners.get(key);
      owners.set(key, owner ?? entry.service.name);
      return owner === undefined ? [] : [portTaken(entry, port, index, side, owner)];
    }),
  );
}

function portTaken(
  { service, path, isBuiltin }: ReadEntry,
  port: ServicePort,
  index: number,
  side: 'port' | 'hostPort',
  owner: string,
): Finding {
  const where = side === 'port' ? 'in the machine' : 'of the host';
  const both = owner === service.name ? `${service.name} takes it twice` : `${owner} and ${service.name} both take it`;
  return {
    path: isBuiltin ? path : [...path, 'ports', index, side === 'port' ? 'port' : 'host'],
    message: `port ${port[side]} ${where}: ${both}`,
    hint: 'Give one of them another port.',
  };
}
