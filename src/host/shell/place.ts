import { randomInt } from 'node:crypto';
import { VmkitError } from '../../core/errors/errors.ts';
import { resolvePaths } from '../../core/paths.ts';
import type { Host, HostFacts, HostPlace } from '../host.ts';
import { scriptFailure } from './failure.ts';
import { simpleJob } from './scripts/job.ts';
import { PLACE, PROGRAMS, TCP_PORTS } from './scripts/place.ts';
import type { ShellPool } from './session/shell-pool.ts';

/** Where nobody's default range of outgoing connections is (ip_local_port_range: 32768 on). */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;

/** What a host is, by way of a shell. Asked once. */
export function shellPlace(name: string, pool: ShellPool): Pick<Host, 'facts' | 'place' | 'programs' | 'freePort'> {
  const ask = async (doing: string, script: string, args: readonly string[] = []): Promise<string> => {
    const result = await pool.run({ title: doing, script: simpleJob(script, args) });
    if (result.status !== '0') throw scriptFailure(name, doing, result);
    return result.stdout.toString();
  };
  let asked: Promise<{ facts: HostFacts; place: HostPlace }> | undefined;
  const askOnce = (): NonNullable<typeof asked> => {
    asked ??= ask('Asking what it is', PLACE).then(parsePlace);
    // A lost connection is no answer for ever.
    asked.catch(() => {
      asked = undefined;
    });
    return asked;
  };
  return {
    facts: async () => (await askOnce()).facts,
    place: async () => (await askOnce()).place,
    programs: async (names) => {
      const found = await ask('Looking for programs', PROGRAMS, names);
      return new Set(found.split('\n').filter((each) => each !== ''));
    },
    freePort: async () => {
      const taken = takenPorts(await ask('Looking for a free port', TCP_PORTS));
      for (let tries = 0; tries < 1_000; tries += 1) {
        const port = randomInt(FIRST_PORT, LAST_PORT);
        if (!taken.has(port)) return port;
      }
      throw new VmkitError('host', 'no-free-port', `There is no free TCP port on ${name}.`);
    },
  };
}

function parsePlace(text: string): { facts: HostFacts; place: HostPlace } {
  const [system = '', bootId = '', machine = '', cpus = '', uid = '', home = '', cache, data, state] = text.split('\n');
  const paths = resolvePaths({ HOME: home, XDG_CACHE_HOME: cache, XDG_DATA_HOME: data, XDG_STATE_HOME: state });
  return {
    facts: { machine, cpus: Number(cpus), isRoot: uid === '0' },
    place: { system, bootId, uid: Number(uid), home, paths },
  };
}

/** The local ports in /proc/net/tcp and tcp6: `SL: ADDRESS:PORT ...`, in hexadecimal. */
function takenPorts(text: string): ReadonlySet<number> {
  return new Set(
    [...text.matchAll(/^ *\d+: [0-9A-F]+:([0-9A-F]{4}) /gm)].map(([, port = '']) => Number.parseInt(port, 16)),
  );
}
