import type { HopId, Verdict } from '../../../src/reach/report.ts';
import { SERVERS } from '../stand-ins/servers.ts';
import type { Fault } from './followed.ts';

const chain = (family: string, hook: string, rule: string, priority = '0', type = 'filter'): string =>
  `nft 'table ${family} fault { chain c { type ${type} hook ${hook} priority ${priority}; ${rule}; }; }'`;
const toPeer = 'from 100.64.0.1 to 100.64.0.2';

/** A fault that nobody put into a table, where its packet has to be seen to end, and why. */
export interface End extends Fault {
  readonly fault: string;
  readonly state: Verdict['state'];
  readonly hop: HopId | undefined;
  readonly cause: string | undefined;
}

const end = (fault: string, script: string, hop: HopId, cause: string, more: Partial<End> = {}): End => ({
  ...{ fault, script, hop, cause, state: 'fails' },
  ...more,
});

const away = (fault: string): End => ({
  ...{ fault, script: ':', state: 'unavailable', hop: undefined, cause: undefined },
});

/** The same by IPv6. */
const six = (fault: string, script: string, hop: HopId, cause: string, more: Partial<End> = {}): End =>
  end(`IPv6: ${fault}`, script, hop, cause, { family: 6, ...more });
const NODE6 = 'fd7a:115c:a1e0::1';
const PEER6 = 'fd7a:115c:a1e0::2';

export const ENDS: readonly End[] = [
  end('a drop before all filters', chain('ip', 'prerouting', 'tcp dport 3000 drop', '-300'), 'guest', 'guest-firewall'),
  end('a policy of drop', chain('inet', 'input', 'policy drop; tcp dport 22 accept'), 'guest', 'guest-firewall'),
  end('reject by a reset', chain('inet', 'input', 'tcp dport 3000 reject with tcp reset'), 'guest', 'guest-firewall'),
  end('reject by ICMP', chain('inet', 'input', 'tcp dport 3000 reject'), 'guest', 'guest-firewall'),
  end('a drop of answers', chain('inet', 'output', 'tcp sport 3000 drop'), 'guest', 'guest-firewall'),
  end(
    'a drop of answers, at the last',
    chain('inet', 'postrouting', 'tcp sport 3000 drop', '300'),
    'guest',
    'guest-firewall',
  ),
  end(
    'connections that are not tracked, behind a rule that wants them tracked',
    `${chain('ip', 'prerouting', 'tcp dport 3000 notrack', '-300')}; nft 'add chain ip fault d { type filter hook input priority 0; policy drop; }; add rule ip fault d ct state new,established accept'`,
    'guest',
    'guest-firewall',
  ),
  end('a rule that leads the answer nowhere', `ip rule add pref 9 ${toPeer} blackhole`, 'guest', 'no-route-back'),
  end('a rule that forbids the answer', `ip rule add pref 9 ${toPeer} prohibit`, 'guest', 'no-route-back'),
  end('a route that is unreachable', 'ip route add unreachable 100.64.0.2', 'guest', 'no-route-back'),
  end(
    'a rule that sends the answer to another network',
    'ip route add default via 10.9.0.1 table 7; ip rule add pref 9 to 100.64.0.2 lookup 7',
    'guest',
    'wrong-way-back',
  ),
  end(
    'a strict filter of source addresses',
    'echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter; ip route add default via 10.9.0.1 table 7; ip rule add pref 9 to 100.64.0.2 lookup 7',
    'guest',
    'rp-filter',
  ),
  end(
    'a rule by interface before the local table',
    'ip rule add pref 5 iif tailscale0 blackhole; ip rule add pref 6 lookup local; ip rule del pref 0',
    'guest',
    'no-route-in',
  ),
  end(
    'an address that is not the own any more, where packets are forwarded',
    'echo 1 >/proc/sys/net/ipv4/conf/all/forwarding; ip route del local 100.64.0.1 dev tailscale0 table local; ip route add 100.64.0.1 via 10.9.0.1',
    'guest',
    'address-missing',
  ),
  end('a socket of the other family', ':', 'backend', 'not-taken', { program: SERVERS.onlySix }),
  // Serve leads to a service that is not on the tailnet's address.
  { ...away('a socket of another interface'), program: SERVERS.onDevice },
  { ...away('a socket of another address'), program: SERVERS.elsewhere },
  end('a queue that is full', ':', 'backend', 'backlog-full', { program: SERVERS.full }),
  end('a service that says nothing', ':', 'backend', 'backend-silent', { program: SERVERS.silent }),
  end('a service that ends connections', ':', 'backend', 'backend-closed', { program: SERVERS.closing }),
  end('packets that never come', 'ip link set tailscale0 down', 'relay', 'lost-on-the-way'),
  end(
    'a drop at the interface, before all that is traced',
    chain('netdev', 'ingress device tailscale0', 'tcp dport 3000 drop'),
    'guest',
    'dropped-at-interface',
  ),
  end(
    'an interface that sends nothing out',
    'tc qdisc add dev tailscale0 root tbf rate 8bit burst 10 limit 10',
    'guest',
    'traffic-control',
  ),
  end(
    'a rule that sends it to somebody who is not there',
    chain('ip', 'prerouting', 'tcp dport 3000 dnat to 10.9.0.1:3000', '-100', 'nat'),
    'guest',
    'sent-elsewhere',
  ),
  end(
    'an answer that is marked, and led nowhere for it',
    `${chain('ip', 'output', 'tcp sport 3000 meta mark set 9', '-150', 'route')}; ip rule add pref 5 fwmark 9 blackhole`,
    'guest',
    'no-route-back',
  ),
  end(
    'a policy of IPsec that lets no answer out',
    'ip xfrm policy add dir out src 100.64.0.1 dst 100.64.0.2 action block',
    'guest',
    'answer-not-made',
  ),
  end('a service that begins an answer', ':', 'backend', 'backend-cut', { program: SERVERS.beginning }),
  six('a drop', chain('ip6', 'input', 'tcp dport 3000 drop'), 'guest', 'guest-firewall'),
  six('a drop of answers', chain('inet', 'output', 'tcp sport 3000 drop'), 'guest', 'guest-firewall'),
  six('a rule that leads the answer nowhere', `ip -6 rule add pref 9 to ${PEER6} blackhole`, 'guest', 'no-route-back'),
  six(
    'a rule that sends the answer to another network',
    `ip route add default via fd09::1 table 7; ip -6 rule add pref 9 to ${PEER6} lookup 7`,
    'guest',
    'wrong-way-back',
  ),
  six(
    'IPv6 switched off at the interface',
    'echo 1 >/proc/sys/net/ipv6/conf/tailscale0/disable_ipv6',
    'guest',
    'address-missing',
  ),
  six(
    'a rule that sends it to somebody who is not there',
    chain('ip6', 'prerouting', 'tcp dport 3000 dnat to [fd09::1]:3000', '-100', 'nat'),
    'guest',
    'sent-elsewhere',
  ),
  six('a socket of the other family', ':', 'backend', 'not-taken', { program: SERVERS.onlyFour }),
  six(
    'a policy of IPsec that lets no answer out',
    `ip xfrm policy add dir out src ${NODE6} dst ${PEER6} action block`,
    'guest',
    'answer-not-made',
  ),
  six('frames to another network card', ':', 'guest', 'wrong-hardware-address', {
    atPeer: `ip neigh replace ${NODE6} lladdr 02:00:00:00:00:99 dev tailscale0`,
  }),
  six(
    'a rule of the older ip6tables',
    'ip6tables-legacy -A INPUT -p tcp --dport 3000 -j DROP',
    'guest',
    'guest-firewall',
  ),
  end('a service that drips its answer', ':', 'backend', 'slow', { program: SERVERS.dripping, state: 'degraded' }),
  end('chunks without an end', ':', 'backend', 'backend-cut', { program: SERVERS.openEnded }),
  end('a service that resets in the middle', ':', 'backend', 'backend-cut', { program: SERVERS.resetting }),
  end('TLS on a plain port', ':', 'backend', 'backend-foreign', { program: SERVERS.encrypted }),
  end('a PostgreSQL with too many clients', ':', 'backend', 'takes-nobody', {
    ...{ program: SERVERS.crowded, protocol: 'postgres', state: 'degraded' },
  }),
  end('a service whose process is halted', ':', 'backend', 'backend-accepts-nothing', { program: SERVERS.halted }),
  end('a service that has no files left', ':', 'backend', 'backend-accepts-nothing', { program: SERVERS.outOfFiles }),
  end(
    'a drop before everything',
    chain('inet', 'prerouting', 'tcp dport 3000 drop', '-500'),
    'guest',
    'guest-firewall',
  ),
  end(
    'a gateway that nobody is',
    'ip route del 100.64.0.0/24 dev tailscale0; ip route add 100.64.0.0/24 via 100.64.0.99 dev tailscale0 onlink',
    'guest',
    'neighbour-unknown',
  ),
  end(
    'a card of another machine at the peer',
    'ip neigh replace 100.64.0.2 lladdr 02:00:00:00:00:77 dev tailscale0',
    'peer',
    'wrong-hardware-address',
    { watchesPeer: true },
  ),
  end(
    'an answer from another address',
    chain('ip', 'postrouting', 'oifname "tailscale0" tcp sport 3000 ip saddr set 10.9.0.5', '300'),
    'guest',
    'answer-rewritten',
  ),
  end(
    'numbers of bytes that are not the own',
    chain('ip', 'postrouting', 'oifname "tailscale0" tcp sport 3000 tcp sequence set 1', '300'),
    'guest',
    'question-not-taken',
  ),
  end(
    'a redirection of the older iptables',
    'iptables-legacy -t nat -A PREROUTING -p tcp --dport 3000 -j REDIRECT --to-ports 81',
    'guest',
    'sent-elsewhere',
  ),
  end('a peer that says that it forbids answers', ':', 'peer', 'refused-on-the-way', {
    atPeer: chain('ip', 'input', 'tcp sport 3000 reject with icmp type admin-prohibited'),
  }),
  end('a peer that resets what is taken', ':', 'peer', 'reset-by-peer', {
    atPeer: chain('ip', 'input', 'tcp sport 3000 tcp flags & (syn|ack) == syn|ack reject with tcp reset'),
  }),
  end('large answers lost at the peer', ':', 'relay', 'answer-lost', {
    atPeer: chain('ip', 'input', 'tcp sport 3000 meta length > 1000 drop'),
    program: SERVERS.large,
  }),
  end(
    'a bridge that drops',
    `ip link add br0 type bridge; ip address del 100.64.0.1/24 dev tailscale0; ip link set tailscale0 master br0; ip address add 100.64.0.1/24 dev br0; ip link set br0 address 02:00:00:00:00:01 up; ip neigh add 100.64.0.2 lladdr 02:00:00:00:00:02 dev br0; ${chain('bridge', 'input', 'tcp dport 3000 drop', '-200')}`,
    'guest',
    'guest-firewall',
  ),
  end('a rule of the peer', ':', 'peer', 'peer-firewall', {
    atPeer: 'iptables-legacy -A INPUT -p tcp --sport 3000 -j DROP',
    watchesPeer: true,
  }),
];
