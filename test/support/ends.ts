import { SERVERS } from './followed.ts';

const chain = (family: string, hook: string, rule: string, priority = '0', type = 'filter'): string =>
  `nft 'table ${family} fault { chain c { type ${type} hook ${hook} priority ${priority}; ${rule}; }; }'`;
const toPeer = 'from 100.64.0.1 to 100.64.0.2';

/** A fault that nobody put into a table, where its packet has to be seen to end, and why. */
export const ENDS: readonly (readonly [fault: string, script: string, hop: string, cause: string, program?: string])[] =
  [
    ['a drop before all filters', chain('ip', 'prerouting', 'tcp dport 3000 drop', '-300'), 'guest', 'guest-firewall'],
    ['a policy of drop', chain('inet', 'input', 'policy drop; tcp dport 22 accept'), 'guest', 'guest-firewall'],
    ['reject by a reset', chain('inet', 'input', 'tcp dport 3000 reject with tcp reset'), 'guest', 'guest-firewall'],
    ['reject by ICMP', chain('inet', 'input', 'tcp dport 3000 reject'), 'guest', 'guest-firewall'],
    ['a drop of answers', chain('inet', 'output', 'tcp sport 3000 drop'), 'guest', 'guest-firewall'],
    [
      'a drop of answers, at the last',
      chain('inet', 'postrouting', 'tcp sport 3000 drop', '300'),
      'guest',
      'guest-firewall',
    ],
    [
      'connections that are not tracked, behind a rule that wants them tracked',
      `${chain('ip', 'prerouting', 'tcp dport 3000 notrack', '-300')}; nft 'add chain ip fault d { type filter hook input priority 0; policy drop; }; add rule ip fault d ct state new,established accept'`,
      'guest',
      'guest-firewall',
    ],
    ['a rule that leads the answer nowhere', `ip rule add pref 9 ${toPeer} blackhole`, 'guest', 'no-route-back'],
    ['a rule that forbids the answer', `ip rule add pref 9 ${toPeer} prohibit`, 'guest', 'no-route-back'],
    ['a route that is unreachable', 'ip route add unreachable 100.64.0.2', 'guest', 'no-route-back'],
    [
      'a rule that sends the answer to another network',
      'ip route add default via 10.9.0.1 table 7; ip rule add pref 9 to 100.64.0.2 lookup 7',
      'guest',
      'wrong-way-back',
    ],
    [
      'a strict filter of source addresses',
      'echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter; ip route add default via 10.9.0.1 table 7; ip rule add pref 9 to 100.64.0.2 lookup 7',
      'guest',
      'rp-filter',
    ],
    [
      'a rule by interface before the local table',
      'ip rule add pref 5 iif tailscale0 blackhole; ip rule add pref 6 lookup local; ip rule del pref 0',
      'guest',
      'no-route-in',
    ],
    [
      'an address that is not the own any more, where packets are forwarded',
      'echo 1 >/proc/sys/net/ipv4/conf/all/forwarding; ip route del local 100.64.0.1 dev tailscale0 table local; ip route add 100.64.0.1 via 10.9.0.1',
      'guest',
      'address-missing',
    ],
    ['a socket of another interface', ':', 'backend', 'not-taken', SERVERS.onDevice],
    ['a socket of another address', ':', 'backend', 'not-taken', SERVERS.elsewhere],
    ['a queue that is full', ':', 'backend', 'backlog-full', SERVERS.full],
    ['a service that says nothing', ':', 'backend', 'backend-silent', SERVERS.silent],
    ['a service that ends connections', ':', 'backend', 'backend-closed', SERVERS.closing],
    ['packets that never come', 'ip link set tailscale0 down', 'relay', 'lost-on-the-way'],
    [
      'a drop at the interface, before all that is traced',
      chain('netdev', 'ingress device tailscale0', 'tcp dport 3000 drop'),
      'guest',
      'dropped-at-interface',
    ],
    [
      'an interface that sends nothing out',
      'tc qdisc add dev tailscale0 root tbf rate 8bit burst 10 limit 10',
      'guest',
      'traffic-control',
    ],
    [
      'a rule that sends it to somebody who is not there',
      chain('ip', 'prerouting', 'tcp dport 3000 dnat to 10.9.0.1:3000', '-100', 'nat'),
      'guest',
      'sent-elsewhere',
    ],
    [
      'an answer that is marked, and led nowhere for it',
      `${chain('ip', 'output', 'tcp sport 3000 meta mark set 9', '-150', 'route')}; ip rule add pref 5 fwmark 9 blackhole`,
      'guest',
      'no-route-back',
    ],
    [
      'a policy of IPsec that lets no answer out',
      'ip xfrm policy add dir out src 100.64.0.1 dst 100.64.0.2 action block',
      'guest',
      'answer-not-made',
    ],
    ['a service that begins an answer', ':', 'backend', 'backend-cut', SERVERS.beginning],
  ];
