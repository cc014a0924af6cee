import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import type { Facts } from '../../../src/reach/facts.ts';
import { routeQuestions, toRoutes } from '../../../src/reach/follow/route-question.ts';
import { readWatched, type Watched } from '../../../src/reach/follow/seen/sightings.ts';
import { endWatchScript, watchingIn, watchScript } from '../../../src/reach/follow/watch/watch-script.ts';
import { judge } from '../../../src/reach/judge.ts';
import { peerDial } from '../../../src/reach/look/peer/dial-observation.ts';
import { ON_HOST, observeScript, readObservations } from '../../../src/reach/observation.ts';
import type { Verdict } from '../../../src/reach/report.ts';
import { SERVERS } from '../stand-ins/servers.ts';
import { dialIn } from '../tailnet/netns-dial.ts';
import { verdictOn } from './probe.ts';
import { facts, healthyPeer } from './probe-facts.ts';

const PORT = 3000;
/** A little longer than a probe's second dial. */
const DIAL_MS = 3_000;
/** A watch is ended when all have dialled. */
const WATCH_SECONDS = 60;
/** Known to both: a TUN asks nobody for them. */
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02'];
const ADDRESSES = {
  4: { node: '100.64.0.1', peer: '100.64.0.2', loopback: '127.0.0.1' },
  6: { node: 'fd7a:115c:a1e0::1', peer: 'fd7a:115c:a1e0::2', loopback: '127.0.0.1' },
} as const;
const PATH = { path: 'PATH=$PATH:/usr/sbin:/sbin' };

/** This computer's kernel was built without what a fault is made of. */
export class LacksFault extends Error {}

/** What is put into two namespaces, each a script for sh, and how the peer dials. */
export interface Fault {
  readonly script: string;
  /** In the peer's namespace, before it dials. */
  readonly atPeer?: string;
  /** In Perl; it says `ready`. */
  readonly program?: string;
  readonly family?: 4 | 6;
  readonly protocol?: Facts['target']['protocol'];
  /** The other family is dialled after it. */
  readonly isBoth?: boolean;
  /** The peer is watched, too: it is a computer with a kernel and root. */
  readonly watchesPeer?: boolean;
}

/**
 * What probe tells of a connection that a peer tried, straight to the guest: two network namespaces stand for both, and a pair of interfaces for the tailnet;
 * packets, rules, routes, the service, its own answer inside and the watch are real.
 */
export async function followIn(name: string, fault: Fault): Promise<Verdict> {
  const { script, atPeer = '', program = SERVERS.healthy, family = 4, protocol = 'http' } = fault;
  const [guest, peer] = [`${name}-g`, `${name}-p`];
  const started: ChildProcess[] = [];
  try {
    await connect(guest, peer);
    const service = spawn('ip', ['netns', 'exec', guest, 'perl', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    started.push(service);
    await firstLine(service, (line) => line === 'ready');
    await must(guest, script).catch((error: unknown) => {
      if (/unknown|failed to load|no such file|not supported/i.test(String(error))) throw new LacksFault(String(error));
      throw error;
    });
    await must(peer, atPeer);
    const watches = [watch(guest, started), ...(fault.watchesPeer === true ? [watch(peer, started)] : [])];
    await Promise.all(watches.map(({ ready }) => ready));
    const { node, peer: own, loopback } = ADDRESSES[family];
    const [end, asked, seen] = await Promise.all([
      dialIn(peer, { address: node, port: PORT }, DIAL_MS, protocol),
      dialIn(guest, { address: loopback, port: PORT }, DIAL_MS, protocol),
      observed(guest),
    ]);
    const other = ADDRESSES[family === 4 ? 6 : 4];
    const to = { address: other.node, port: PORT };
    const byOther = fault.isBoth === true ? peerDial(to, await dialIn(peer, to, DIAL_MS, protocol)) : undefined;
    const [inGuest, atItsPeer] = await Promise.all(watches.map(({ seenUntilNow }) => seenUntilNow()));
    const dial = peerDial({ address: node, port: PORT }, end);
    const base = facts({ ...seen, status: statusOf(node) }, undefined);
    const whole: Facts = {
      ...base,
      target: { ...base.target, protocol },
      asked: { ...peerDial({ address: loopback, port: PORT }, asked) },
      peer: {
        ...{ ...healthyPeer(), address: own, node, dials: new Map([[PORT, dial]]) },
        otherFamily: byOther && { node: other.node, from: other.peer, dials: new Map([[PORT, byOther]]) },
      },
      watches: {
        ...(inGuest === undefined ? {} : { guest: inGuest }),
        ...(atItsPeer === undefined ? {} : { peer: atItsPeer }),
      },
    };
    return verdictOn('guest-direct', { ways: judge(whole) });
  } finally {
    for (const child of started) child.kill('SIGKILL');
    for (const each of [guest, peer]) await execa('ip', ['netns', 'delete', each], { reject: false });
  }
}

function must(namespace: string, script: string): Promise<unknown> {
  return execa('ip', ['netns', 'exec', namespace, 'sh', '-ec', script]);
}

async function connect(guest: string, peer: string): Promise<void> {
  const address = (own: 'node' | 'peer', other: 'node' | 'peer', mac = ''): string =>
    `ip link set lo up
ip address add ${ADDRESSES[4][own]}/24 dev tailscale0; ip address add ${ADDRESSES[6][own]}/64 dev tailscale0 nodad; ip link set tailscale0 up
ip neigh add ${ADDRESSES[4][other]} lladdr ${mac} dev tailscale0; ip neigh add ${ADDRESSES[6][other]} lladdr ${mac} dev tailscale0`;
  await execa('ip', ['netns', 'add', guest]);
  await execa('ip', ['netns', 'add', peer]);
  await must(
    guest,
    `ip link add tailscale0 address ${MACS[0]} type veth peer name tailscale0 address ${MACS[1]} netns ${peer}
${address('node', 'peer', MACS[1])}
ip link add eth1 type veth peer name other; ip address add 10.9.0.5/24 dev eth1; ip address add fd09::5/64 dev eth1 nodad
ip link set eth1 up; ip link set other up; ip route add default via 10.9.0.1; ip route add default via fd09::1`,
  );
  await must(peer, address('peer', 'node', MACS[0]));
}

interface Watching {
  readonly ready: Promise<void>;
  /** Ends it. */
  readonly seenUntilNow: () => Promise<Watched>;
}

function watch(namespace: string, started: ChildProcess[]): Watching {
  const child = spawn('ip', ['netns', 'exec', namespace, 'sh'], { stdio: ['pipe', 'pipe', 'inherit'] });
  started.push(child);
  const lines: string[] = [];
  const ended = new Promise((resolve) => void child.once('close', resolve));
  const ready = firstLine(child, (line) => watchingIn(line) !== undefined, lines);
  child.stdin.end(watchScript([PORT], WATCH_SECONDS, { isGuest: false, ...PATH }));
  const seenUntilNow = async (): Promise<Watched> => {
    const folder = lines.map(watchingIn).find((each) => each !== undefined) ?? '';
    await execa('sh', ['-c', endWatchScript(folder)]);
    await ended;
    const watched = readWatched(lines.join('\n'), [PORT]);
    if (watched === undefined) throw new Error(lines.join('\n'));
    const questions = routeQuestions(watched.sightings, watched.mark, [PORT]);
    const found = questions && (await ask(namespace, questions));
    return {
      ...watched,
      routes: toRoutes(found),
    };
  };
  return { ready, seenUntilNow };
}

async function ask(
  namespace: string,
  questions: Readonly<Record<string, string>>,
): ReturnType<typeof readObservations> extends infer Found ? Promise<Found> : never {
  const { stdout } = await execa('ip', ['netns', 'exec', namespace, 'sh'], {
    input: observeScript(questions, ON_HOST),
  });
  return readObservations(stdout, questions, 'guest');
}

/** Of what a probe asks in the guest, that which these faults change. */
async function observed(guest: string): Promise<Record<string, readonly [number, string]>> {
  const found = await ask(guest, {
    loopback: 'ip -br link show lo',
    rules: 'ip rule show',
    listeners: 'ss -Hltn',
    routes: 'ip -4 route show table main',
  });
  return Object.fromEntries([...found].map(([id, { exitCode, output }]) => [id, [exitCode, output] as const]));
}

function statusOf(address: string): string {
  const self = { HostName: 'tn', DNSName: 'tn.tailnet.test.', TailscaleIPs: [address], Relay: 'test' };
  return JSON.stringify({ TUN: true, BackendState: 'Running', Health: [], Self: self });
}

function firstLine(child: ChildProcess, isWanted: (line: string) => boolean, lines: string[] = []): Promise<void> {
  return new Promise((resolve, reject) => {
    if (child.stdout === null) throw new TypeError('Its output is not read.');
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      if (isWanted(line)) resolve();
    });
    child.once('close', (code) => reject(new Error(`ended with ${code}: ${lines.join('\n')}`)));
  });
}
