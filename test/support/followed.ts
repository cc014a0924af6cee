import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import type { Facts } from '../../src/reach/facts.ts';
import { routeQuestions } from '../../src/reach/follow/route-question.ts';
import { readWatched } from '../../src/reach/follow/sightings.ts';
import { WATCHING, watchScript } from '../../src/reach/follow/watch-script.ts';
import { judge } from '../../src/reach/judge.ts';
import { ON_HOST, observeScript, readObservations } from '../../src/reach/observation.ts';
import type { Verdict } from '../../src/reach/report.ts';
import { verdictOn } from './probe.ts';
import { facts, healthyPeer } from './probe-facts.ts';

/** The addresses of `probe-facts.ts`. */
const NODE = '100.64.0.1';
const PEER = '100.64.0.2';
const PORT = 3000;
/** Known to both: a TUN asks nobody for them. */
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02'];

/** A server of HTTP in Perl: what `listen` does before it listens, and `answer` to each connection. */
const server = (listen: string, answer: string, address = '0.0.0.0'): string =>
  `use Socket; socket(S, 2, 1, 0); setsockopt(S, 1, 2, 1); ${listen} bind(S, sockaddr_in(${PORT}, inet_aton("${address}"))) or die; listen(S, 9); $| = 1; print "ready\\n"; while (accept(C, S)) { ${answer} }`;
const OK = 'sysread(C, $q, 9999); syswrite(C, qq{HTTP/1.0 200 OK\\r\\n\\r\\nok}); close C;';
export const SERVERS = {
  healthy: server('', OK),
  silent: server('', 'push @c, *C{IO}; undef *C;'),
  closing: server('', 'close C;'),
  beginning: server(
    '',
    'sysread(C, $q, 9999); syswrite(C, qq{HTTP/1.0 200 OK\\r\\nContent-Length: 99\\r\\n\\r\\nok}); push @c, *C{IO}; undef *C;',
  ),
  onDevice: server('setsockopt(S, 1, 25, "eth1\\0") or die;', OK),
  elsewhere: server('', OK, '10.9.0.5'),
  full: `use Socket; socket(S, 2, 1, 0); setsockopt(S, 1, 2, 1); bind(S, sockaddr_in(${PORT}, INADDR_ANY)) or die; listen(S, 1); for (1 .. 4) { socket(my $c, 2, 1, 0); fcntl($c, 4, 2048); connect($c, sockaddr_in(${PORT}, INADDR_LOOPBACK)); push @c, $c } $| = 1; print "ready\\n"; sleep 99`,
} as const;

/** This computer's kernel was built without what a fault is made of. */
export class LacksFault extends Error {}

/**
 * What probe tells of a connection that a peer tried, straight to the guest: two network namespaces stand for both, and a pair of interfaces for the tailnet;
 * packets, rules, routes and the watch are real. `fault` is a script in the guest's.
 */
export async function followIn(name: string, fault: string, program: string): Promise<Verdict> {
  const [guest, peer] = [`${name}-g`, `${name}-p`];
  const inGuest = (...argv: string[]): string[] => ['netns', 'exec', guest, ...argv];
  const must = (namespace: string, script: string): Promise<unknown> =>
    execa('ip', ['netns', 'exec', namespace, 'sh', '-ec', script]);
  const started: ReturnType<typeof spawn>[] = [];
  try {
    await execa('ip', ['netns', 'add', guest]);
    await execa('ip', ['netns', 'add', peer]);
    await must(
      guest,
      `ip link set lo up; ip link add tailscale0 address ${MACS[0]} type veth peer name tailscale0 address ${MACS[1]} netns ${peer}
ip address add ${NODE}/24 dev tailscale0; ip link set tailscale0 up
ip neigh add ${PEER} lladdr ${MACS[1]} dev tailscale0
ip link add eth1 type veth peer name other; ip address add 10.9.0.5/24 dev eth1; ip link set eth1 up; ip link set other up; ip route add default via 10.9.0.1`,
    );
    await must(
      peer,
      `ip address add ${PEER}/24 dev tailscale0; ip link set tailscale0 up; ip neigh add ${NODE} lladdr ${MACS[0]} dev tailscale0`,
    );
    const service = spawn('ip', inGuest('perl', '-e', program), { stdio: ['ignore', 'pipe', 'inherit'] });
    started.push(service);
    await firstLine(service, 'ready');
    await must(guest, fault).catch((error: unknown) => {
      if (/unknown|failed to load|no such file|not supported/i.test(String(error))) throw new LacksFault(String(error));
      throw error;
    });
    const watch = spawn('ip', inGuest('sh'), { stdio: ['pipe', 'pipe', 'inherit'] });
    started.push(watch);
    const lines: string[] = [];
    const ended = new Promise((resolve) => void watch.once('close', resolve));
    const ready = firstLine(watch, WATCHING, lines);
    watch.stdin?.end(watchScript([PORT], 3, { isGuest: false, path: 'PATH=$PATH:/usr/sbin:/sbin' }));
    await ready;
    const asked = [
      'curl',
      '-sm',
      '3',
      '-o',
      '/dev/null',
      '-w',
      '%{size_header} %{size_download}',
      `http://${NODE}:${PORT}/`,
    ];
    const dialled = await execa('ip', ['netns', 'exec', peer, ...asked], { reject: false });
    const bytes = dialled.stdout.split(' ').reduce((sum, each) => sum + Number(each), 0);
    await ended;
    return await verdictOf(lines.join('\n'), dialled.exitCode, bytes, async (script) => {
      return (await execa('ip', inGuest('sh'), { input: script })).stdout;
    });
  } finally {
    for (const child of started) child.kill('SIGKILL');
    for (const each of [guest, peer]) await execa('ip', ['netns', 'delete', each], { reject: false });
  }
}

/** curl(1): 7 is a connection that was refused, 52 and 56 one that was ended without an answer, 28 that the time was over. */
async function verdictOf(
  printed: string,
  exitCode: number | undefined,
  bytes: number,
  ask: (script: string) => Promise<string>,
): Promise<Verdict> {
  const watched = readWatched(printed);
  if (watched === undefined) throw new Error(printed);
  const questions = routeQuestions(watched.sightings, watched.mark, [PORT]);
  const found = questions && readObservations(await ask(observeScript(questions, ON_HOST)), questions, 'guest');
  const result = exitCode === 0 ? 'data' : exitCode === 7 ? 'refused' : exitCode === 28 ? 'timeout' : 'closed';
  const peer = healthyPeer({ 3000: result });
  const dials = new Map([...peer.dials].map(([port, dial]) => [port, { ...dial, bytes }] as const));
  const seen: Facts = {
    ...facts({ routes: 'default via 10.9.0.1 dev eth1' }, { ...peer, dials }),
    watches: { guest: { ...watched, routes: { in: found?.get('in'), back: found?.get('back') } } },
  };
  return verdictOn('guest-direct', { ways: judge(seen) });
}

function firstLine(child: ReturnType<typeof spawn>, wanted: string, lines: string[] = []): Promise<void> {
  return new Promise((resolve, reject) => {
    if (child.stdout === null) throw new TypeError('Its output is not read.');
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      if (line === wanted) resolve();
    });
    child.once('close', (code) => reject(new Error(`ended with ${code} before it said: ${wanted}`)));
  });
}
