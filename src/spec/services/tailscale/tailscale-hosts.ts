import { GUEST, OWN_SHELL } from '../../../core/guest-paths.ts';
import type { Service } from '../../service.ts';

/** How often the guest's own tailscaled is asked, in seconds. */
const EVERY = 15;
const BEGIN = '# Names of the tailnet, by vmkit: it replaces the lines up to the end.';
const END = '# End of the names of the tailnet.';

/**
 * Prints a hosts file with the names of the tailnet in a block at its end. First file: `tailscale status --json`, whose indented lines are read one by one; second: the
 * hosts file. What is no name or no address is left out, and a name that another line has stays that line's. A begin without an end takes no line away.
 */
const WITH_NAMES = `
function flush() {
  sub(/\\.$/, "", name)
  if (name ~ /^[a-z0-9][a-z0-9.-]*[a-z0-9]$/ && index(name, ".") && count) {
    domain = substr(name, index(name, ".") + 1)
    if (suffix == "") suffix = domain
    short = substr(name, 1, index(name, ".") - 1)
    names[++nodes] = name (domain == suffix && short !~ /^(localhost|localdomain|ip6-.*)$/ ? " " short : "")
    for (at = 1; at <= count; at++) addresses[nodes] = addresses[nodes] " " ip[at]
  }
  count = 0
}
FNR == 1 { file++ }
file == 1 && /"DNSName": "/ { split($0, quoted, "\\""); name = tolower(quoted[4]) }
file == 1 && /"TailscaleIPs": \\[/ { inside = 1; next }
file == 1 && inside && /\\]/ { inside = 0; flush(); name = "" }
file == 1 && inside { split($0, quoted, "\\""); if (quoted[2] ~ /^[0-9a-f.:]+$/) ip[++count] = quoted[2] }
file == 1 { next }
$0 == begin && !held { held = 1; next }
$0 == end { held = 0; waiting = 0; next }
held { wait[++waiting] = $0; next }
{ keep($0) }
function keep(line,    words, n, at) {
  kept[++lines] = line
  sub(/#.*/, "", line)
  n = split(tolower(line), words)
  for (at = 2; at <= n; at++) { taken[words[at]] = 1; says[words[at]] = words[1] }
}
END {
  for (at = 1; at <= waiting; at++) keep(wait[at])
  for (at = 1; at <= lines; at++) print kept[at]
  for (node = 1; node <= nodes; node++) {
    n = split(names[node], words)
    free = ""
    for (at = 1; at <= n; at++) {
      if (!(words[at] in taken)) free = free " " words[at]
      else if (!index(addresses[node] " ", " " says[words[at]] " ")) print words[at] " stays " says[words[at]] >said
    }
    if (free == "") continue
    if (!begun++) print begin
    n = split(addresses[node], words)
    for (at = 1; at <= n; at++) print words[at] free
  }
  if (begun) print end
}
`;

/** `write_names FILE`: whole or not at all, and only where it changes; tells once which names others have. $d: a folder for its notes. */
export function writeNames(): string {
  return `write_names() {
  tailscale status --json >"$d"/status 2>/dev/null || return 0
  cp "$1" "$d"/before
  : >"$d"/said
  awk -v begin='${BEGIN}' -v end='${END}' -v said="$d"/said '${WITH_NAMES}' "$d"/status "$d"/before >"$d"/after
  cmp -s "$d"/said "$d"/told || cat "$d"/said
  cp "$d"/said "$d"/told
  ! cmp -s "$d"/before "$d"/after || return 0
  cat "$d"/after >"$1".vmkit
  chmod 0644 "$1".vmkit
  # Somebody wrote meanwhile: the next time.
  if cmp -s "$1" "$d"/before; then mv "$1".vmkit "$1"; else rm "$1".vmkit; fi
}
`;
}

/** The names of the tailnet in the guest's /etc/hosts, kept as they are now. */
export function tailscaleHosts(): Service {
  return {
    name: 'tailscale-hosts',
    needs: ['tailscale'],
    packages: [],
    components: [],
    user: 'root',
    capabilities: [],
    env: {},
    setup: undefined,
    run: `exec ${GUEST.busybox} sh ${HOSTS_SCRIPT}\n`,
    ready: { check: `grep -qF '${END}' /etc/hosts\n`, everyMs: 500, withinSeconds: 60 },
    afterReady: undefined,
    stop: { signal: 'TERM', withinSeconds: 5 },
    files: [{ path: HOSTS_SCRIPT, content: hostsScript(), mode: 0o755, owner: 'root' }],
    secrets: [],
    ports: [],
  };
}

const HOSTS_SCRIPT = `${GUEST.own}/tailscale-hosts`;

function hostsScript(): string {
  return `${OWN_SHELL}
d=$(mktemp -d ${GUEST.own}/hosts-XXXXXX)
: >"$d"/told
${writeNames()}while :; do
  write_names /etc/hosts
  read -r -t ${EVERY} _ <>${GUEST.never} || :
done
`;
}
