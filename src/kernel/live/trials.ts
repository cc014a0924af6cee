import type { KERNEL_PURPOSES } from '../check/requirements.ts';

/** One capability of a kernel, and a script that uses it. */
export interface Trial {
  readonly name: string;
  readonly title: string;
  /** The profiles of check-kernel that promise it. */
  readonly profiles: readonly (keyof typeof KERNEL_PURPOSES)[];
  /** Programs that the script calls, beside those of every Debian system. */
  readonly programs: readonly string[];
  /**
   * For `sh -eu`, as root, in namespaces of its own for network and mounts, with loopback up and an empty /tmp. Its failure is the kernel's; the last line
   * that it prints says why. `datagram ADDRESS` sends one there; `counted` fails unless a counter of nftables has counted something.
   */
  readonly script: string;
}

/** A card without a wire, 10.9.9.1, behind which 10.9.9.2 has an address of hardware. */
const CARD = `ip link add v0 type veth peer name w0
ip address add 10.9.9.1/24 dev v0
ip link set v0 up
ip link set w0 up
ip neighbour add 10.9.9.2 lladdr 02:00:00:00:00:02 dev v0
`;

const chain = (hook: string, rule: string, table = 'inet t'): string =>
  `nft -f - <<'RULES'\ntable ${table} {\n  chain c { ${hook}; ${rule}; }\n}\nRULES\n`;

const output = 'type filter hook output priority 0';

/** What nftables does to the packets of one datagram to this machine itself. */
const rule = (text: string): string => `${chain(output, text)}datagram 127.0.0.1\ncounted\n`;

/** Whatever a profile promises that can be seen to work in a guest. In the order of what stands on what. */
export const TRIALS: readonly Trial[] = [
  {
    name: 'log',
    title: 'a rule of nftables that logs',
    profiles: ['tailscale-nftables'],
    programs: ['nft', 'perl'],
    script: rule('log prefix "vmkit-live " counter'),
  },
  {
    name: 'conntrack',
    title: 'rules that know the state and the mark of a connection',
    profiles: ['tailscale-nftables'],
    programs: ['nft', 'perl'],
    script: rule('ct state new ct mark set 7 ct mark 7 counter'),
  },
  {
    name: 'conntrack-list',
    title: 'the list of connections in /proc',
    profiles: [],
    programs: ['nft', 'perl'],
    script: `${rule('ct state new counter')}grep -q 'dport=9 ' /proc/net/nf_conntrack\n`,
  },
  {
    name: 'limit',
    title: 'a rule that counts no more than so many packets a second',
    profiles: [],
    programs: ['nft', 'perl'],
    script: rule('limit rate 5/second counter'),
  },
  {
    name: 'reject',
    title: 'a rule that refuses with an answer',
    profiles: [],
    programs: ['nft'],
    script: chain(output, 'reject with icmpx type port-unreachable'),
  },
  {
    name: 'redirect',
    title: 'a rule that sends a connection elsewhere',
    profiles: ['tailscale-nftables', 'containers'],
    programs: ['nft'],
    script: chain('type nat hook prerouting priority -100', 'tcp dport 80 dnat ip to 10.9.9.2:8080'),
  },
  {
    name: 'masquerade',
    title: 'a rule that hides addresses behind its own',
    profiles: ['tailscale-nftables', 'containers'],
    programs: ['nft', 'ip', 'perl'],
    script: `${CARD}${chain('type nat hook postrouting priority 100', 'oifname "v0" counter masquerade')}datagram 10.9.9.2\ncounted\n`,
  },
  {
    name: 'bridge-rules',
    title: 'rules for what passes a bridge',
    profiles: [],
    programs: ['nft'],
    script: chain('type filter hook forward priority 0', 'counter', 'bridge t'),
  },
  {
    name: 'mark-route',
    title: 'a route for marked packets only',
    profiles: ['tailscale-nftables', 'tailscale-iptables', 'wireguard'],
    programs: ['nft', 'ip', 'perl'],
    script: `${CARD}ip address add 10.9.8.1/24 dev w0
ip neighbour add 10.9.8.2 lladdr 02:00:00:00:00:03 dev w0
ip route add default via 10.9.9.2
ip route add default via 10.9.8.2 table 77
ip rule add fwmark 7 table 77
nft -f - <<'RULES'
table inet t {
  chain marks { type route hook output priority 0; meta mark set 7; }
  chain c { type filter hook postrouting priority 0; oifname "w0" counter; }
}
RULES
datagram 10.7.7.7
counted
`,
  },
  {
    name: 'rules-of-ipv6',
    title: 'the same for IPv6',
    profiles: ['tailscale-nftables', 'tailscale-iptables', 'wireguard'],
    programs: ['ip'],
    script: 'ip -6 rule add fwmark 7 table 77\nip -6 route add unreachable default table 77\n',
  },
  {
    name: 'realm',
    title: 'a route with a realm, and a rule that knows it',
    profiles: [],
    programs: ['nft', 'ip', 'perl'],
    // Without IP_ROUTE_CLASSID the kernel takes the route, and forgets its realm.
    script: `${CARD}ip route add 10.7.0.0/16 via 10.9.9.2 realms 10
ip route show 10.7.0.0/16 | grep -q realm || { echo 'the route is taken, and its realm forgotten'; exit 1; }
${chain('type filter hook postrouting priority 0', 'rt classid 10 counter')}datagram 10.7.7.7
counted
`,
  },
  {
    name: 'ipsec',
    title: 'keys of IPsec: AES with SHA-1 and SHA-256, GCM, and packets that are checked only',
    profiles: [],
    programs: ['ip'],
    script: `from='ip xfrm state add src 10.9.9.1 dst 10.9.9.2'
key=0x3132333435363738393031323334353637383930
$from proto esp spi 1 mode tunnel auth sha1 $key enc aes \${key%????????}
$from proto esp spi 2 mode tunnel auth sha256 $key enc aes \${key%????????}
$from proto esp spi 3 mode tunnel aead 'rfc4106(gcm(aes))' $key 128
$from proto ah spi 4 mode tunnel auth sha256 $key
`,
  },
  {
    name: 'iptables',
    title: 'iptables: a mark, and an address that is hidden',
    profiles: ['tailscale-iptables', 'containers'],
    programs: ['iptables'],
    script: `iptables -t mangle -A OUTPUT -j MARK --set-mark 7
iptables -t nat -A POSTROUTING -m mark --mark 7 -j MASQUERADE
iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
`,
  },
  {
    name: 'tun',
    title: 'a TUN, as VPNs have it',
    profiles: ['tailscale-nftables', 'tailscale-iptables', 'nebula'],
    programs: ['ip'],
    script: 'ip tuntap add dev t0 mode tun\nip address add 10.9.9.1/24 dev t0\nip link set t0 up\n',
  },
  {
    name: 'wireguard',
    title: 'a link of WireGuard',
    profiles: ['wireguard'],
    programs: ['ip'],
    script: 'ip link add wg0 type wireguard\nip address add 10.9.9.1/24 dev wg0\nip link set wg0 up\n',
  },
  {
    name: 'vsock',
    title: 'a socket to the host (vsock)',
    profiles: ['avf'],
    programs: ['perl'],
    // linux/vm_sockets.h: struct sockaddr_vm; any port, any context.
    script: `perl -e 'socket(S, 40, 1, 0) && bind(S, pack("SSLLx4", 40, 0, -1, -1)) && listen(S, 1) or die "$!\\n"'\n`,
  },
  {
    name: 'bridge',
    title: 'a bridge with a pair of cards',
    profiles: ['containers'],
    programs: ['ip'],
    script: `${CARD}ip link add b0 type bridge\nip link set w0 master b0\nip link set b0 up\n`,
  },
  {
    name: 'queues',
    title: 'a card with several queues',
    profiles: [],
    programs: ['ip'],
    script: `ip link add v0 numtxqueues 4 numrxqueues 4 type veth peer name w0
ip -d link show v0 | grep -q 'numrxqueues 4' || { echo 'the number of receive queues is forgotten'; exit 1; }
`,
  },
  {
    name: 'shaping',
    title: 'what comes in gets a queue with a limit (ifb, cake)',
    profiles: [],
    programs: ['ip', 'tc'],
    // A module makes two cards by itself when it is loaded, and they stay.
    script: `modprobe -q ifb numifbs=0 2>/dev/null || :
${CARD}ip link add i0 type ifb
ip link set i0 up
tc qdisc replace dev i0 root cake bandwidth 10mbit
tc qdisc add dev v0 clsact
tc filter add dev v0 ingress protocol all matchall action mirred egress redirect dev i0
`,
  },
  {
    name: 'overlay',
    title: 'a file system over another',
    profiles: ['machine', 'containers'],
    programs: [],
    script: `mkdir /tmp/lower /tmp/upper /tmp/work /tmp/both
echo below >/tmp/lower/file
mount -t overlay -o lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work overlay /tmp/both
echo above >/tmp/both/file
grep -q below /tmp/lower/file && grep -q above /tmp/upper/file
`,
  },
  {
    name: 'namespaces',
    title: 'namespaces for processes, names and control groups',
    profiles: ['containers'],
    programs: [],
    script: 'unshare --pid --fork --ipc --uts --cgroup true\n',
  },
  {
    name: 'seccomp',
    title: 'a filter of system calls',
    profiles: ['containers'],
    programs: ['perl'],
    script: `${seccompScript()}\n`,
  },
  {
    name: 'memory-limit',
    title: 'a limit of memory, and what is killed at it',
    profiles: ['memory-limits', 'containers'],
    programs: ['perl'],
    script: `group=/sys/fs/cgroup/vmkit-live.$$
mkdir $group
trap 'rmdir $group' EXIT
echo 24M >$group/memory.max
[ ! -e $group/memory.swap.max ] || echo 0 >$group/memory.swap.max
sh -c "echo 0 >$group/cgroup.procs && exec perl -e '\\$x = q(x) x 6e7'" && { echo 'what needs more than its limit is not killed'; exit 1; }
grep -q '^oom_kill [1-9]' $group/memory.events || { echo 'nothing was killed for want of memory'; exit 1; }
`,
  },
];

/**
 * getppid(2) is forbidden to this process (seccomp(2), linux/filter.h). Numbers of prctl and getppid: asm/unistd_64.h, asm-generic/unistd.h.
 * 38 is PR_SET_NO_NEW_PRIVS, 22 PR_SET_SECCOMP, 2 SECCOMP_MODE_FILTER; the answer 0x50001 is EPERM, 0x7fff0000 allows.
 */
function seccompScript(): string {
  return `case $(uname -m) in x86_64) numbers='157 110' ;; *) numbers='167 173' ;; esac
perl -e '
  my ($prctl, $getppid) = map { $_ + 0 } @ARGV;
  my $filter = pack("SCCL" x 4, 0x20, 0, 0, 0, 0x15, 0, 1, $getppid, 6, 0, 0, 0x50001, 6, 0, 0, 0x7fff0000);
  my $program = pack("Sx6P", 4, $filter);
  syscall($prctl, 38, 1, 0, 0, 0) == 0 && syscall($prctl, 22, 2, $program, 0, 0) == 0 or die "$!\\n";
  syscall($getppid) == -1 or die "a system call that is forbidden works\\n";
' $numbers`;
}
