import { GUEST } from '../../core/guest-paths.ts';
import { fatal } from '../../spec/guest-event.ts';
import type { Service } from '../../spec/service.ts';

/** Where the guest has control groups (linux: Documentation/admin-guide/cgroup-v2.rst). */
const GROUPS = '/sys/fs/cgroup';

type Bounded = Pick<Service, 'name' | 'memoryMib' | 'isVital'>;

/** The group of a service. Programs that make containers have names of their own beside it. */
function groupOf(service: string): string {
  return `${GROUPS}/service.${service}`;
}

/**
 * Lines of stage 1 that make a group for each service, with its limit; the root is at /new. A kernel without groups is enough for a machine without limits.
 * What shares a limit ends together, so that no service goes on with a part of itself; of a service that others stand on, one process ends.
 */
export function memoryGroups(services: readonly Bounded[]): string {
  const limits = services.flatMap(({ name, memoryMib, isVital }) =>
    memoryMib === undefined ? [] : [`limit_memory ${name} ${memoryMib}M ${isVital === true ? 0 : 1}\n`],
  );
  return `# A control group for each service: it counts its memory, and holds its limit.
controllers=
[ ! -d /new${GROUPS} ] || ! mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate cgroup2 /new${GROUPS} \\
  || read -r controllers </new${GROUPS}/cgroup.controllers
case " $controllers " in
  *' memory '*)
    echo +memory >/new${GROUPS}/cgroup.subtree_control
    mkdir ${services.map(({ name }) => `/new${groupOf(name)}`).join(' ')}
    ;;
esac
${limits.length === 0 ? '' : `${limitFunction()}${limits.join('')}`}`;
}

/** memory.swap.max is there only where the kernel can swap: a limit is a limit of both. */
function limitFunction(): string {
  const group = `/new${groupOf('"$1"')}`;
  return `# limit_memory SERVICE SIZE WHOLE
limit_memory() {
  { echo "$2" >${group}/memory.max && echo "$3" >${group}/memory.oom.group; } \\
    || ${fatal('memory-limit-refused')} "the kernel cannot limit the memory of $1 to $2"
  [ ! -e ${group}/memory.swap.max ] || echo 0 >${group}/memory.swap.max
}
`;
}

/** A line for a script of root's: it and all that it starts are in the group of the service from now on. */
export function joinMemoryGroup({ name }: Pick<Service, 'name'>): string {
  return `[ ! -d ${groupOf(name)} ] || echo 0 >${groupOf(name)}/cgroup.procs || exit 1\n`;
}

/** A function of the guest's library. */
export function outOfMemory(): string {
  return `# out_of_memory SERVICE: whether the kernel has ended processes of it for want of memory since this was asked before; $by: it was its own limit, or the machine.
out_of_memory() {
  limits=0 kills=0 limits_before=0 kills_before=0
  [ -e ${groupOf('"$1"')}/memory.events ] || return 1
  while read -r key value; do
    case $key in oom) limits=$value ;; oom_kill) kills=$value ;; esac
  done <${groupOf('"$1"')}/memory.events
  [ ! -s ${GUEST.own}/killed/"$1" ] || read -r limits_before kills_before <${GUEST.own}/killed/"$1"
  echo "$limits $kills" >${GUEST.own}/killed/"$1"
  by=machine
  [ "$limits" -le "$limits_before" ] || by=limit
  [ "$kills" -gt "$kills_before" ]
}
`;
}

/** Lines of a service's finish, which has its exit code in $code: $memory is what its event says more, and its log has the reason. */
export function sayOutOfMemory({ name, memoryMib }: Bounded): string {
  const byLimit =
    memoryMib === undefined
      ? ''
      : `  [ "$by" = machine ] || memory=',"outOfMemory":{"limitMib":${memoryMib}}' reason='limit ${memoryMib} MiB'\n`;
  return `memory=
if out_of_memory ${name} && [ "$code" -eq 137 ]; then
  memory=',"outOfMemory":{}' reason='the machine has no more'
${byLimit}  echo "was killed: out of memory ($reason)"
fi
`;
}
