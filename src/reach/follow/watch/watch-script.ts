import { GUEST } from '../../../core/guest-paths.ts';
import { DAEMON_STATE } from '../../look/guest/daemon-state.ts';
import { HOOKS, type Hook } from '../seen/sighting.ts';
import { DROP_MONITOR } from './drop-monitor.ts';
import { wireProgram } from './wire-program.ts';

/** Before everything else that filters, or after it: what was seen before and not behind was dropped between. */
const FIRST = -2_000_000_000;
const LAST = 2_000_000_000;
const CHAINS: Readonly<Record<Hook, readonly [hook: string, priority: number, link: string]>> = {
  arrived: ['prerouting', FIRST, 'iifname'],
  delivered: ['input', LAST, 'iifname'],
  forwarded: ['forward', LAST, 'iifname'],
  said: ['output', FIRST, 'oifname'],
  left: ['postrouting', LAST, 'oifname'],
};

/** A line that is printed when all is set up: what is dialled from now on is seen. The folder that it names is the watch's own. */
export function watchingIn(line: string): string | undefined {
  return /^==> watching in (\/[\w./-]+) <==$/.exec(line)?.[1];
}

/** Ends a watch before its time: who reads there goes on. Where nobody does any more, nothing happens. */
export function endWatchScript(folder: string): string {
  return `timeout 1 sh -c ': >${folder}/end' 2>/dev/null`;
}

/**
 * An nft file with a table that counts the connections of some ports of TCP and UDP at each hook, by their addresses, those packets apart that take a connection or
 * carry data, and has the kernel trace them through every chain. It drops nothing.
 */
export function watchTable(table: string, ports: readonly number[]): string {
  const set = `{ ${ports.join(', ')} }`;
  const hooks = HOOKS.flatMap((name) => {
    const [hook, priority, link] = CHAINS[name];
    const counted = FAMILIES.flatMap(([suffix, ip]) => {
      const key = `${link} . ${ip} saddr . th sport . ${ip} daddr . th dport`;
      return KINDS.map((kind) => ({ id: `${name}${suffix}${kind}`, key, flags: FLAGS[kind] }));
    });
    const rules = [
      ...counted.map(({ id, key, flags }) => `${flags}update @${id} { ${key} counter }`),
      ...(priority === FIRST ? ['limit rate 80/second meta nftrace set 1'] : []),
    ];
    const sets = counted.map(({ id, key }) => `set ${id} { typeof ${key}; size 512; flags dynamic; }`);
    const count = `chain ${name}_count {\n    ${rules.join('\n    ')}\n  }`;
    const chain = `chain ${name} { type filter hook ${hook} priority ${priority}; policy accept;
    meta l4proto { tcp, udp } th dport ${set} goto ${name}_count
    meta l4proto { tcp, udp } th sport ${set} goto ${name}_count\n  }`;
    return [...sets, count, chain];
  });
  return `table inet ${table} {\n  FLAGS\n  ${hooks.join('\n  ')}\n}\n`;
}

/** What follows a hook's name in the name of a set. */
const FAMILIES = [
  ['', 'ip'],
  ['6', 'ip6'],
] as const;
/** Sets of a hook: of all packets, of those that take a connection, and of those with data. */
const KINDS = ['', '_taken', '_data'] as const;
const FLAGS: Readonly<Record<(typeof KINDS)[number], string>> = {
  '': '',
  _taken: 'tcp flags & (syn | ack) == syn | ack ',
  _data: 'tcp flags & psh != 0 ',
};

/** What is read before and after: what was dropped, and why, as far as the kernel counts it (proc_net(5)). */
const COUNTERS = `cd /proc/net && grep -Hs . snmp snmp6 netstat stat/nf_conntrack softnet_stat xfrm_stat
for family in ip ip6; do { read -r _ <\${family}_tables_names && \${family}tables-legacy-save -c | sed "s/^/\${family}_tables:/"; } 2>/dev/null; done`;
/** Of each process that has one of the ports: the port, its id and state, how many files it has open, and how many it may. By files alone. */
function holders(ports: readonly number[]): string {
  return `holders() {
  while read -r _ _ _ local _ by; do
    case \${local##*:} in ${ports.join('|')}) ;; *) continue ;; esac
    pid=\${by#*pid=}; pid=\${pid%%,*}
    read -r _ _ state _ </proc/$pid/stat || continue
    set -- /proc/$pid/fd/*; files=$#; may=0
    while read -r max open what soft _; do [ "$max $open $what" != "Max open files" ] || may=$soft; done </proc/$pid/limits
    echo "\${local##*:} $pid $state $files $may"
  done
}`;
}
/** Tailscale's own word on what it dropped: reason="acl" is its packet filter (util/usermetric). */
const METRICS =
  "timeout 3 tailscale metrics print 2>/dev/null | grep -E '^tailscaled_(in|out)bound_(dropped_)?packets_total'";
/** Only where its packet filter dropped something meanwhile: what it lets in. */
const FILTER =
  'timeout 4 tailscale debug prefs | grep ShieldsUp; timeout 4 tailscale debug netmap | sed -n \'/^\\t"PacketFilterRules"/,/^\\t[]]/p\'';

/** Perl where there is one: what it says first is whether it listens. */
function listen(program: string, name: 'kernel' | 'wire'): string {
  return `timeout 60 perl - 3>&- >"$d/${name}" 2>/dev/null <<'END' & ${name}=$!
${program}END
command -v perl >/dev/null || echo off >"$d/${name}"`;
}

/**
 * Watches the connections of some ports on one machine for some seconds or until `endWatchScript`, while a peer dials, and prints what came of them, each under `==> ID <==`. The table
 * belongs to the nft that made it: the kernel removes it with that one, which ends when nobody holds its input any more, however this script ends.
 * `isGuest`: the kernel is asked, too, why it ends packets; on a host that would load a module. `path`: a shell's assignment of PATH.
 */
export function watchScript(
  ports: readonly number[],
  seconds: number,
  { isGuest, path }: { readonly isGuest: boolean; readonly path: string },
): string {
  return `${path}
t=vmkit_follow_$$
d=$(mktemp -d) && mkfifo "$d/in" "$d/end" || exit 70
${isGuest ? `echo $$ >${GUEST.watched}` : ''}
trap 'exec 3>&-; kill $nft $monitor $kernel $wire 2>/dev/null; nft delete table inet $t 2>/dev/null; rm -rf "$d"' EXIT
trap 'exit 1' HUP INT TERM PIPE
counters() { (${COUNTERS}); }
${holders(ports)}
metrics() { ${METRICS}; }
cat >"$d/table" <<END
${watchTable('$t', ports)}END
nft -i <"$d/in" >"$d/nft" 2>&1 & nft=$!
exec 3>"$d/in"
timeout ${seconds + 30} nft monitor trace 3>&- >"$d/trace" 2>/dev/null & monitor=$!
${isGuest ? listen(DROP_MONITOR, 'kernel') : 'echo off >"$d/kernel"'}
${listen(wireProgram(ports), 'wire')}
metrics >"$d/metrics-before" 3>&- & before=$!
${isGuest ? `${DAEMON_STATE}\ndaemon >"$d/daemon"; began=$used` : ''}
counters >"$d/counters-before"
sed 's/FLAGS/flags owner;/' "$d/table" >"$d/owned"
sed 's/FLAGS//' "$d/table" >"$d/plain"
build() { printf 'include "%s"\\nlist chains inet\\n' "$1" >&3; }
build "$d/owned"
n=0
until { grep -q 'chain left' "$d/nft" && [ -s "$d/kernel" ] && [ -s "$d/wire" ]; } || [ $n = 40 ]; do
  n=$((n + 1)); sleep 0.1 3>&-
  [ $n = 30 ] && build "$d/plain"
done
grep -q 'chain left' "$d/nft" || exit 1
wait $before
echo "==> watching in $d <=="
timeout ${seconds} cat "$d/end" 3>&-
# What was seen at the last is still being written.
sleep 0.3 3>&- & rest=$!
# Who did not answer before is not waited for again.
{ [ ! -s "$d/metrics-before" ] || metrics >"$d/metrics"; } 3>&- & asked=$!
ss -Hltnp 3>&- >"$d/sockets"
holders <"$d/sockets" >"$d/holders" 2>/dev/null
wait $rest
# What came after the chains were read would be seen by the interface alone.
kill $wire 2>/dev/null
counters >"$d/counters"
nft -j list table inet $t 3>&- >"$d/flows" 2>&1
wait $asked
${isGuest ? '{ daemon && [ ! -s "$d/metrics" ] && echo "used $(((used - began) * 10)) ms"; } >"$d/daemon"' : ''}
if [ "$(grep acl "$d/metrics-before")" != "$(grep acl "$d/metrics")" ]; then { ${FILTER}; } >"$d/filter" 2>&1 3>&-; fi
cd "$d"
set --
for file in counters-before metrics-before counters metrics flows trace nft sockets holders filter kernel wire daemon; do
  [ ! -s "$file" ] || set -- "$@" "$file"
done
printf '\\n'
head -v -c 300000 "$@"
`;
}
