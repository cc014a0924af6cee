/** What a fault is put into: a running machine `web` in a tailnet, its host, its peer. */
export interface FaultWorld {
  /** A script in the guest; throws where it fails. */
  inGuest(script: string): Promise<unknown>;
  /** A script in this host's network namespace. */
  onHost(script: string): Promise<unknown>;
  /** A script at the peer that is in the tailnet already, where `tailscale` is its own. */
  onPeer(script: string): Promise<unknown>;
  /** To the test's control server (test/tailnet/main.go). */
  control(command: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Of the machine's QEMU. */
  qemuPid(): Promise<number>;
}

/** A fault of a kind, and what probe has to say of it. */
export interface Fault {
  readonly name: string;
  readonly put: (world: FaultWorld) => Promise<unknown>;
  readonly takeBack: (world: FaultWorld) => Promise<unknown>;
  /** Which way it is asked of. Default: serve in the guest. */
  readonly way?: 'guest-serve-tun' | 'guest-direct';
  /** Who looks: a node that joins, the default, or a host that is in the tailnet already. */
  readonly from?: 'node' | 'ssh';
  readonly state: 'works' | 'degraded' | 'fails' | 'untried';
  /** Of the finding; of a way that works, of what is told beside it. Undefined: nothing is told. */
  readonly cause: string | undefined;
  readonly hop: string | undefined;
}

const PAGE = '/run/service/page';
const PORT = 3000;
const HANDLER = '/tmp/fault-handler';

/** The service's place is taken by one that answers each connection by a script. */
const answersWith =
  (script: string) =>
  async ({ inGuest }: FaultWorld) =>
    inGuest(`s6-svc -wD -T 9000 -d ${PAGE}
cat >${HANDLER} <<'END'
#!/bin/sh
while IFS= read -r line; do [ "\${#line}" -gt 1 ] || break; done
${script}
END
chmod +x ${HANDLER}
setsid /run/vmkit/busybox nc -ll -p ${PORT} -e ${HANDLER} >/dev/null 2>&1 </dev/null & echo $! >/tmp/fault-pid`);
const pageAgain = async ({ inGuest }: FaultWorld) =>
  inGuest(`kill $(cat /tmp/fault-pid); pkill -f ${HANDLER}; s6-svc -wU -T 20000 -u ${PAGE}`);

/** A rule in a chain of its own, without a counter. */
const guestRule = (hook: string, rule: string, policy = 'accept') => ({
  put: async ({ inGuest }: FaultWorld) =>
    inGuest(`nft 'table inet fault { chain c { type filter hook ${hook} priority 0; policy ${policy}; ${rule}; } ; }'`),
  takeBack: async ({ inGuest }: FaultWorld) => inGuest('nft delete table inet fault'),
});
/** On what the machine sends, which this host forwards. */
const hostRule = (rule: string) => ({
  put: async ({ onHost }: FaultWorld) =>
    onHost(
      `nft 'table inet fault { chain c { type filter hook forward priority 0; policy accept; ip saddr 192.168.100.5 ${rule}; } ; }'`,
    ),
  takeBack: async ({ onHost }: FaultWorld) => onHost('nft delete table inet fault'),
});
/** What somebody did to the host since vmkit set it up. */
const onHost = (put: string, takeBack: string) => ({
  put: async (world: FaultWorld) => world.onHost(put),
  takeBack: async (world: FaultWorld) => world.onHost(takeBack),
  from: 'ssh' as const,
});
const inGuest = (put: string, takeBack: string) => ({
  put: async (world: FaultWorld) => world.inGuest(put),
  takeBack: async (world: FaultWorld) => world.inGuest(takeBack),
});

/** It makes its interface anew. */
const TAILSCALE_AGAIN =
  's6-svc -wR -T 60000 -r /run/service/tailscale; s6-svwait -U -t 60000 /run/service/tailscale-serve; sleep 2';
const PAGE_PID = `$(ss -Hltnp sport = ${PORT} | sed -n "s/.*pid=\\([0-9]*\\).*/\\1/p" | head -n 1)`;

/** Nodes learn by and by what the control server tells them: one that could not ask it for a while tries again after half a minute. */
const until = (condition: string): string =>
  `n=0; until ${condition}; do n=$((n + 1)); [ $n -lt 180 ] || exit 1; sleep 0.5; done`;

const http = (status: string, headers: string, body: string): string =>
  `printf 'HTTP/1.0 ${status}\\r\\n${headers}\\r\\n%s' '${body}'`;

const onPeer = (rule: string) => ({
  put: async (world: FaultWorld) => world.onPeer(`nft 'table inet fault { ${rule} ; }'`),
  takeBack: async (world: FaultWorld) => world.onPeer('nft delete table inet fault'),
  from: 'ssh' as const,
});

const BY_HTTPS = 'tailscale serve reset; tailscale serve --bg --yes --https=443 http://127.0.0.1:3000';
const BY_TCP = 'tailscale serve reset; tailscale serve --bg --yes --tcp=8443 tcp://127.0.0.1:3000';

/** Each is put into the working world, found, and taken back. Those that change what the control server tells come last. */
export const FAULTS: readonly Fault[] = [
  {
    name: 'a backend takes connections and says nothing',
    put: answersWith('sleep 60'),
    takeBack: pageAgain,
    state: 'fails',
    cause: 'backend-silent',
    hop: 'backend',
  },
  {
    name: 'a backend answers 502',
    put: answersWith(http('502 Bad Gateway', '', 'bad')),
    takeBack: pageAgain,
    state: 'degraded',
    cause: 'answers-5xx',
    hop: 'backend',
  },
  {
    name: 'a backend answers after 20 s',
    put: answersWith(`sleep 20; ${http('200 OK', '', 'late')}`),
    takeBack: pageAgain,
    state: 'fails',
    cause: 'backend-silent',
    hop: 'backend',
  },
  {
    name: 'a backend answers after 4 s',
    put: answersWith(`sleep 4; ${http('200 OK', '', 'late')}`),
    takeBack: pageAgain,
    state: 'degraded',
    cause: 'slow',
    hop: 'backend',
  },
  {
    name: 'a backend ends its answer in the middle',
    put: answersWith(http('200 OK', 'Content-Length: 99\\r\\n', 'half')),
    takeBack: pageAgain,
    state: 'fails',
    cause: 'backend-cut',
    hop: 'backend',
  },
  {
    name: 'a backend that speaks another protocol',
    put: answersWith("printf 'SSH-2.0-x\\r\\n'"),
    takeBack: pageAgain,
    state: 'fails',
    cause: 'backend-foreign',
    hop: 'backend',
  },
  {
    name: 'a redirect to localhost',
    put: answersWith(http('302 Found', 'Location: http://localhost:3000/\\r\\n', '')),
    takeBack: pageAgain,
    state: 'degraded',
    cause: 'redirect-unreachable',
    hop: 'backend',
  },
  {
    name: 'a redirect to an address that nobody has',
    put: answersWith(http('301 Moved', 'Location: http://10.255.255.1:81/\\r\\n', '')),
    takeBack: pageAgain,
    state: 'degraded',
    cause: 'redirect-unreachable',
    hop: 'backend',
  },
  {
    name: 'an accept queue that is full',
    ...inGuest(
      `s6-svc -wD -T 9000 -d ${PAGE}
setsid perl -MSocket -e 'socket(S,2,1,0);setsockopt(S,SOL_SOCKET,SO_REUSEADDR,1);bind(S,sockaddr_in(${PORT},INADDR_ANY))||die;listen(S,1);for(1..4){socket(my $c,2,1,0);fcntl($c,4,2048);connect($c,sockaddr_in(${PORT},INADDR_LOOPBACK));push @c,$c}sleep 300' >/dev/null 2>&1 </dev/null & echo $! >/tmp/fault-pid; sleep 1`,
      `kill $(cat /tmp/fault-pid); s6-svc -wU -T 20000 -u ${PAGE}`,
    ),
    state: 'fails',
    cause: 'backlog-full',
    hop: 'backend',
  },
  {
    name: 'a firewall in the guest without counters',
    ...guestRule('input', 'tcp dport 3000 drop'),
    state: 'fails',
    cause: 'guest-firewall',
    hop: 'guest',
  },
  {
    name: 'the same, on the tailnet only',
    ...guestRule('input', 'iifname "tailscale0" tcp dport 3000 drop'),
    way: 'guest-direct',
    state: 'fails',
    cause: 'guest-firewall',
    hop: 'guest',
  },
  {
    name: 'a firewall that drops the answers',
    ...guestRule('output', 'oifname "tailscale0" tcp sport 3000 drop'),
    way: 'guest-direct',
    state: 'fails',
    cause: 'guest-firewall',
    hop: 'guest',
  },
  {
    name: 'a chain whose policy is drop',
    ...guestRule(
      'input',
      'tcp dport 22 accept; meta l4proto udp accept; ct state established accept; iifname "lo" accept',
      'drop',
    ),
    way: 'guest-direct',
    state: 'fails',
    cause: 'guest-firewall',
    hop: 'guest',
  },
  {
    name: 'a limit of connections that is reached',
    ...guestRule('input', 'iifname "tailscale0" tcp dport 3000 ct count over 0 drop'),
    way: 'guest-direct',
    state: 'fails',
    cause: 'guest-firewall',
    hop: 'guest',
  },
  {
    name: 'a queue that no program reads',
    ...guestRule('input', 'iifname "tailscale0" tcp dport 3000 queue num 7'),
    way: 'guest-direct',
    state: 'fails',
    cause: 'packet-filter',
    hop: 'guest',
  },
  {
    name: 'loopback has lost its address',
    ...inGuest('ip address del 127.0.0.1/8 dev lo', 'ip address add 127.0.0.1/8 dev lo'),
    state: 'fails',
    cause: 'loopback-address-missing',
    hop: 'loopback',
  },
  {
    name: "the tailnet's interface is down",
    ...inGuest('ip link set tailscale0 down', TAILSCALE_AGAIN),
    way: 'guest-direct',
    state: 'fails',
    cause: 'interface-down',
    hop: 'guest',
  },
  {
    name: 'the process of a service is halted',
    ...inGuest(`kill -STOP ${PAGE_PID}`, `kill -CONT ${PAGE_PID}`),
    state: 'fails',
    cause: 'backend-accepts-nothing',
    hop: 'backend',
  },
  {
    // The other family of addresses still leads there.
    name: 'no route back to the peer by IPv4',
    ...inGuest('ip rule add pref 100 to 100.64.0.0/10 unreachable', 'ip rule del pref 100'),
    way: 'guest-direct',
    state: 'degraded',
    cause: 'no-route-back',
    hop: 'guest',
  },
  {
    name: 'the default route is gone',
    ...inGuest('ip route show default >/tmp/fault-route; ip route del default', 'ip route add $(cat /tmp/fault-route)'),
    from: 'ssh',
    state: 'fails',
    cause: 'no-default-route',
    hop: 'guest',
  },
  {
    name: 'shields up',
    ...inGuest('tailscale set --shields-up', 'tailscale set --shields-up=false'),
    state: 'fails',
    cause: 'shields-up',
    hop: 'tailscaled',
  },
  {
    name: 'tailscaled is halted by SIGSTOP',
    ...inGuest('kill -STOP $(pidof tailscaled)', 'kill -CONT $(pidof tailscaled)'),
    state: 'fails',
    cause: 'tailscaled-hangs',
    hop: 'tailscaled',
  },
  {
    name: 'tailscaled ends again and again',
    ...inGuest(
      `cd /run/vmkit/services/tailscale; cp -p run run.away; printf '#!/bin/sh\\nsleep 1; exit 1\\n' >run; kill -9 $(pidof tailscaled); sleep 15`,
      'cd /run/vmkit/services/tailscale; mv run.away run; s6-svc -t /run/service/tailscale; s6-svwait -U -t 90000 /run/service/tailscale; sleep 2',
    ),
    state: 'fails',
    cause: 'tailscaled-crashes',
    hop: 'tailscaled',
  },
  {
    name: 'the guest is frozen',
    put: async ({ qemuPid }) => process.kill(await qemuPid(), 'SIGSTOP'),
    takeBack: async ({ qemuPid }) => process.kill(await qemuPid(), 'SIGCONT'),
    state: 'fails',
    cause: 'guest-held',
    hop: 'guest',
  },
  {
    name: 'ssh is stopped in a healthy guest',
    // Nobody can log in to start it again.
    put: async (world) =>
      world.inGuest(
        "setsid sh -c 'sleep 1; s6-svc -d /run/service/ssh; sleep 30; s6-svc -u /run/service/ssh' >/dev/null 2>&1 </dev/null & sleep 3",
      ),
    takeBack: async () => new Promise((resolve) => void setTimeout(resolve, 30_000)),
    state: 'works',
    cause: 'ssh-down',
    hop: 'guest',
  },
  {
    name: "the peer's own firewall lets nothing out",
    ...onPeer('chain c { type filter hook output priority 0; oifname "tailscale0" tcp dport { 3000, 8443 } drop; }'),
    state: 'fails',
    cause: 'peer-firewall',
    hop: 'peer',
  },
  {
    name: "the peer's own firewall lets no answer in",
    ...onPeer('chain c { type filter hook input priority 0; iifname "tailscale0" tcp sport { 3000, 8443 } drop; }'),
    way: 'guest-direct',
    state: 'fails',
    cause: 'peer-firewall',
    hop: 'peer',
  },
  {
    name: "the peer's routes lead elsewhere",
    put: async ({ onPeer: run }) => run('ip rule add pref 9 to 100.64.0.0/10 blackhole'),
    takeBack: async ({ onPeer: run }) => run('ip rule del pref 9'),
    from: 'ssh',
    // By IPv6 it gets its answer.
    state: 'degraded',
    cause: 'peer-route',
    hop: 'peer',
  },
  {
    name: 'serve leads to an address that nobody has',
    ...inGuest(
      'tailscale serve reset; tailscale serve --bg --yes --tcp=8443 tcp://192.168.100.77:3000',
      'tailscale serve reset; tailscale serve --bg --yes --tcp=8443 tcp://127.0.0.1:3000',
    ),
    state: 'fails',
    cause: 'serve-leads-elsewhere',
    hop: 'tailscaled',
  },
  {
    name: 'UDP is blocked: all goes through the relay',
    ...hostRule('meta l4proto udp drop'),
    from: 'ssh',
    state: 'degraded',
    cause: 'relayed',
    hop: 'relay',
  },
  {
    name: 'large packets are lost on the way back',
    ...hostRule('udp length > 1250 drop'),
    from: 'ssh',
    state: 'degraded',
    cause: 'large-answers-lost',
    hop: 'relay',
  },
  {
    name: 'large answers are lost on the way back',
    put: async (world) => {
      await answersWith(`${http('200 OK', '', '')}; head -c 20000 /dev/zero`)(world);
      await hostRule('udp length > 1250 drop').put(world);
    },
    takeBack: async (world) => {
      await world.onHost('nft delete table inet fault');
      await pageAgain(world);
    },
    from: 'ssh',
    state: 'fails',
    cause: 'answer-lost',
    hop: 'relay',
  },
  {
    name: 'the clock is ten minutes ahead',
    ...inGuest('date -s @$(($(date +%s) + 600))', 'date -s @$(($(date +%s) - 600))'),
    state: 'degraded',
    cause: 'clock-wrong',
    hop: 'guest',
  },
  {
    name: 'serve leads to a dead port',
    ...inGuest(
      'tailscale serve reset; tailscale serve --bg --yes --tcp=8443 tcp://127.0.0.1:9999',
      'tailscale serve reset; tailscale serve --bg --yes --tcp=8443 tcp://127.0.0.1:3000',
    ),
    state: 'fails',
    cause: 'serve-not-configured',
    hop: 'tailscaled',
  },
  {
    name: 'serve on a path of a site',
    ...inGuest(
      'tailscale serve reset; tailscale serve --bg --yes --http=80 --set-path=/app http://127.0.0.1:3000',
      'tailscale serve reset; tailscale serve --bg --yes --tcp=8443 tcp://127.0.0.1:3000',
    ),
    state: 'works',
    cause: undefined,
    hop: undefined,
  },
  {
    name: "another program on serve's port while serve answers all the same",
    ...inGuest(
      `s6-svc -wD -T 20000 -d /run/service/tailscale; /run/vmkit/busybox httpd -p 8443 -h /etc
s6-svc -wU -T 60000 -u /run/service/tailscale; s6-svwait -U -t 60000 /run/service/tailscale-serve`,
      'kill $(ss -Hltnp sport = 8443 | sed -n "s/.*busybox.*pid=\\([0-9]*\\).*/\\1/p" | head -n 1)',
    ),
    state: 'works',
    cause: 'port-clash',
    hop: 'tailscaled',
  },
  {
    name: 'a redirect in a circle',
    put: answersWith(http('302 Found', 'Location: /\\r\\n', '')),
    takeBack: pageAgain,
    state: 'degraded',
    cause: 'redirect-loop',
    hop: 'backend',
  },
  {
    name: 'a redirect to https, which nobody serves',
    put: answersWith(http('301 Moved', 'Location: https://web.tailnet.test/\\r\\n', '')),
    takeBack: pageAgain,
    state: 'degraded',
    cause: 'redirect-unreachable',
    hop: 'backend',
  },
  {
    name: 'a page that is not there',
    put: answersWith(http('404 Not Found', '', 'no')),
    takeBack: pageAgain,
    state: 'works',
    cause: undefined,
    hop: undefined,
  },
  {
    name: "the machine's TAP is down on the host",
    ...onHost('ip link set web down', 'ip link set web up'),
    state: 'fails',
    cause: 'host-network-changed',
    hop: 'host',
  },
  {
    name: 'the host does not forward any more',
    ...onHost('sysctl -qw net/ipv4/conf/vmkit0/forwarding=0', 'sysctl -qw net/ipv4/conf/vmkit0/forwarding=1'),
    state: 'fails',
    cause: 'host-network-changed',
    hop: 'host',
  },
  {
    name: "a firewall's restart flushed all rules of the host",
    ...onHost(
      'nft list ruleset >/tmp/fault-ruleset; nft flush ruleset',
      'nft flush ruleset; nft -f /tmp/fault-ruleset',
    ),
    state: 'fails',
    cause: 'host-network-changed',
    hop: 'host',
  },
  {
    name: 'Tailscale is switched off in the guest',
    ...inGuest('tailscale down', 'tailscale up'),
    state: 'fails',
    cause: 'node-not-running',
    hop: 'tailscaled',
  },
  {
    name: 'serve by https, and no certificate can be had',
    ...inGuest(BY_HTTPS, BY_TCP),
    state: 'fails',
    cause: 'certificate-missing',
    hop: 'tailscaled',
  },
  {
    name: 'MagicDNS is off',
    put: async ({ control }) => control({ Do: 'names', On: false }),
    takeBack: async ({ control, onPeer }) => {
      await control({ Do: 'names', On: true });
      await onPeer(until(`tailscale status --json | grep -q '"MagicDNSEnabled": true'`));
    },
    state: 'degraded',
    cause: 'name-not-resolved',
    hop: 'peer',
  },
  {
    name: 'the policy lets in another port',
    put: async ({ control, inGuest }) => {
      await control({ Do: 'filter', Node: 'web', First: 443, Last: 443 });
      await inGuest(until('tailscale debug netmap | grep -q \'"First": 443\''));
    },
    takeBack: async ({ control, inGuest }) => {
      await control({ Do: 'filter', Node: 'web', First: 0, Last: 65535 });
      await inGuest(until('tailscale debug netmap | grep -q \'"Last": 65535\''));
    },
    from: 'ssh',
    state: 'fails',
    cause: 'policy-drops',
    hop: 'control',
  },
  {
    name: 'serve by https in a tailnet without HTTPS',
    put: async ({ control, inGuest }) => {
      await inGuest(BY_HTTPS);
      await control({ Do: 'certificates', Node: 'web', On: false });
      await inGuest(until('tailscale status --json | grep -q \'"CertDomains": null\''));
    },
    takeBack: async ({ control, inGuest }) => {
      await inGuest(BY_TCP);
      await control({ Do: 'certificates', Node: 'web', On: true });
    },
    from: 'ssh',
    state: 'fails',
    cause: 'https-off',
    hop: 'tailscaled',
  },
  {
    name: 'the policy hides the node',
    put: async ({ control, onPeer }) => {
      await control({ Do: 'hide', Node: 'web', From: 'away' });
      await onPeer(until('! tailscale status | grep -q web'));
    },
    takeBack: async ({ control, onPeer }) => {
      await control({ Do: 'show', Node: 'web', From: 'away' });
      await onPeer(until('tailscale status | grep -q web'));
    },
    from: 'ssh',
    state: 'fails',
    cause: 'node-hidden',
    hop: 'control',
  },
  {
    name: 'the control server is away, and nobody can join',
    put: async ({ control }) => control({ Do: 'away', What: 'control', Away: true }),
    takeBack: async ({ control }) => control({ Do: 'away', What: 'control', Away: false }),
    state: 'untried',
    cause: 'control-away',
    hop: 'control',
  },
  {
    name: 'the control server is away, from a peer that is in the tailnet',
    put: async ({ control }) => control({ Do: 'away', What: 'control', Away: true }),
    takeBack: async ({ control }) => control({ Do: 'away', What: 'control', Away: false }),
    from: 'ssh',
    state: 'works',
    cause: undefined,
    hop: undefined,
  },
  {
    name: 'the control server is away, and a firewall in the guest',
    put: async (world) => {
      await world.control({ Do: 'away', What: 'control', Away: true });
      await guestRule('input', 'tcp dport 3000 drop').put(world);
    },
    takeBack: async (world) => {
      await world.control({ Do: 'away', What: 'control', Away: false });
      await world.inGuest('nft delete table inet fault');
    },
    from: 'ssh',
    state: 'fails',
    cause: 'guest-firewall',
    hop: 'guest',
  },
];

/** Those that take neither long nor a namespace of their own to be put: for each run of the tests. */
export const IN_SHORT = FAULTS.filter(({ name }) =>
  [
    'the guest is frozen',
    "the peer's routes lead elsewhere",
    'UDP is blocked: all goes through the relay',
    'MagicDNS is off',
  ].includes(name),
);
