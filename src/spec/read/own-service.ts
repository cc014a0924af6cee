import { GUEST } from '../../core/guest-paths.ts';
import type { Service } from '../service.ts';
import { listens } from '../services/listens.ts';
import type { OwnService } from './schema.ts';

/** A service from vm.yaml as the value that the built-in ones have, too. */
export function serviceOf(own: OwnService): Service {
  const user = own.user ?? own.name;
  return {
    name: own.name,
    isOwn: true,
    needs: own.needs,
    packages: own.packages,
    components: own.components,
    user,
    // Who writes `user: root` asks for root.
    capabilities: user === 'root' ? 'all' : [],
    memoryMib: own.memory,
    env: own.env,
    setup: own.setup,
    run: own.run,
    ready: {
      ...firstLook(own.ready),
      check: readyCheck(own.ready),
      everyMs: own.ready.every,
      withinSeconds: Math.ceil(own.ready.within / 1000),
    },
    afterReady: own.afterReady,
    stop: { signal: own.stop.signal, withinSeconds: Math.ceil(own.stop.within / 1000) },
    backup: own.backup,
    files: own.files.map(({ path, content, mode, owner }) => ({
      path,
      content,
      mode: Number.parseInt(mode, 8),
      owner: owner === 'service' ? user : 'root',
    })),
    secrets: own.secrets.map(({ name, kind, tell }) => ({ name, kind, tell })),
    ports: own.ports.map(({ name, port, protocol, host }) => ({ name, port, protocol, hostPort: host })),
  };
}

/** A port of the machine's that is asked for is looked at first, which costs no process. */
function firstLook({ http, tcp }: OwnService['ready']): { readonly first?: string } {
  const [, port] = /^http:\/\/127\.0\.0\.1:(\d+)\//.exec(http ?? '') ?? [];
  const awaited = tcp ?? (port === undefined ? undefined : Number(port));
  return awaited === undefined ? {} : { first: listens(awaited) };
}

/** The busybox of stage 1 stays at /run/vmkit/busybox, so that a check needs no package. */
function readyCheck({ http, tcp, check }: OwnService['ready']): string {
  if (http !== undefined) return `${GUEST.busybox} wget -q -T 5 -O /dev/null '${http}'`;
  if (tcp !== undefined) return `${GUEST.busybox} nc -w 5 127.0.0.1 ${tcp} -e /bin/true`;
  return check ?? '';
}
