import type { Dial, Facts, PeerFacts } from '../../../src/reach/facts.ts';
import { type GuestFacts, readGuestFacts } from '../../../src/reach/look/guest/guest-facts.ts';

/** What a healthy guest said, taken from a real one (Debian trixie, tailscaled 1.98.2 under TUN); each test changes one thing of it. */
const HEALTHY: Readonly<Record<string, string>> = {
  clock: '1795513159',
  loopback: 'lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP> ',
  loopbackAddress: 'lo               UNKNOWN        127.0.0.1/8 ',
  rules: `0:	from all lookup local
5210:	from all fwmark 0x80000/0xff0000 lookup main
5230:	from all fwmark 0x80000/0xff0000 lookup default
5250:	from all fwmark 0x80000/0xff0000 unreachable
5270:	from all lookup 52
32766:	from all lookup main
32767:	from all lookup default`,
  listeners: `LISTEN 0      4096     100.64.0.1:80   0.0.0.0:*
LISTEN 0      1000        0.0.0.0:22   0.0.0.0:*
LISTEN 0      9                 *:3000       *:*`,
  tun: '',
  nftables: 'table ip filter\ntable ip nat',
  iptables: '',
  mode: 'tun\n/dev/net/tun opens',
  status: JSON.stringify({
    TUN: true,
    BackendState: 'Running',
    Health: [],
    Self: { HostName: 'tn', DNSName: 'tn.tailnet.test.', TailscaleIPs: ['100.64.0.1'], Relay: 'test' },
  }),
  serve: JSON.stringify({
    TCP: { 80: { HTTP: true } },
    Web: { 'tn.tailnet.test:80': { Handlers: { '/': { Proxy: 'http://127.0.0.1:3000' } } } },
  }),
};

/** The facts of a healthy machine, but for these. A value is the output of a command that failed with that exit code, or succeeded. */
export function facts(
  changed: Readonly<Record<string, string | readonly [exitCode: number, output: string]>> = {},
  peer: PeerFacts | undefined = healthyPeer(),
): Facts {
  const printed = Object.entries({ ...HEALTHY, ...changed })
    .map(([id, value]) => (typeof value === 'string' ? ([id, 0, value] as const) : ([id, value[0], value[1]] as const)))
    .map(([id, exitCode, output]) => `==> ${id} <==\n${output}\n\n==> ${id}.exit <==\n${exitCode}\n\n`)
    .join('');
  const [code, output] = typeof changed['backend'] === 'object' ? changed['backend'] : [0, 'HTTP/1.0 200 OK'];
  const asked = dialInGuest(code, output);
  return {
    target: { machine: 'tn', name: 'web', port: 3000, protocol: 'http', hostPort: 8080, bridgeAddress: undefined },
    guest: withBackend(readGuestFacts(printed, 1_795_513_159), asked),
    guestError: undefined,
    isHostHere: true,
    guestBy: 'ssh',
    asked,
    peerError: undefined,
    peer,
    proxy: undefined,
    router: undefined,
    wireguard: undefined,
  };
}

/** As the guest's own question ended. */
function dialInGuest(exitCode: number, output: string): Dial {
  const observation = { vantage: 'guest' as const, command: 'nc 127.0.0.1 3000', output, exitCode };
  const failed = /refused/.test(output) ? 'refused' : /no byte/.test(output) ? 'silent' : 'timeout';
  return exitCode === 0
    ? { result: 'data', firstByteMs: 10, wholeMs: 12, status: 200, observation }
    : { result: failed, firstByteMs: undefined, observation };
}

function withBackend(guest: GuestFacts, { observation }: Dial): GuestFacts {
  return { ...guest, observed: new Map([...guest.observed, ['backend', observation]]) };
}

export function healthyPeer(changed: Readonly<Record<number, Dial['result']>> = {}): PeerFacts {
  const dial = (port: number): Dial => {
    const result = changed[port] ?? 'data';
    const output = result === 'data' ? 'HTTP/1.0 200 OK' : `dial tcp 100.64.0.1:${port}: ${result}`;
    const observation = { vantage: 'peer' as const, command: `dial 100.64.0.1:${port}`, output, exitCode: 0 };
    const answered = { firstByteMs: 26, wholeMs: 30, bytes: 2_000, status: 200 };
    return { ...(result === 'data' ? answered : { firstByteMs: undefined }), result, observation };
  };
  return {
    title: 'node vmkit-probe-0a0b0c, 100.64.0.2',
    address: '100.64.0.2',
    node: '100.64.0.1',
    status: undefined,
    knowsNode: undefined,
    resolvesNames: undefined,
    directPing: undefined,
    largePingBack: undefined,
    ping: {
      vantage: 'peer',
      command: 'tailscale ping 100.64.0.1',
      output: 'pong from tn (100.64.0.1) via DERP(test) in 3ms',
      exitCode: 0,
    },
    largePing: undefined,
    dials: new Map([80, 3000].map((port) => [port, dial(port)])),
    otherFamily: undefined,
    proxyDial: undefined,
    routed: undefined,
  };
}

/** The same where no dial gets an answer: only then a layer can be what is broken. */
export function unanswered(seen: Facts): Facts {
  const mute = <T extends Dial | undefined>(dial: T): T =>
    dial?.result === 'data' ? { ...dial, result: 'timeout', firstByteMs: undefined, wholeMs: undefined } : dial;
  const { peer, wireguard, nebula } = seen;
  const dials = new Map([...(peer?.dials ?? [])].map(([port, dial]) => [port, mute(dial)]));
  const client = nebula?.client && { ...nebula.client, dial: mute(nebula.client.dial) };
  return {
    ...seen,
    peer: peer && { ...peer, dials },
    wireguard: wireguard && { ...wireguard, dial: mute(wireguard.dial) },
    nebula: nebula && { ...nebula, client },
  };
}
