import { GUEST } from '../../../core/guest-paths.ts';
import { quoteWord } from '../../../core/text/shell-quote.ts';
import type { TailscaleOptions } from './tailscale-options.ts';

/** Where tailscaled keeps who it is: on the data disk. */
export const TAILSCALE_STATE = `${GUEST.data}/tailscale`;
const RUN = '/run/tailscale';
export const TAILSCALE_SOCKET = `${RUN}/tailscaled.sock`;
/** What vmkit's scripts noted since the start: `mode`, `why`, `identity`, `refused`. */
export const TAILSCALE_NOTES = `${GUEST.own}/tailscale`;

/**
 * Root's script before each start of the daemon. TUN is tried by opening it. Whether there is an identity is asked here: the daemon creates the state file
 * when it starts; only a node that logged in once has a profile there (ipn/ipnlocal/profiles.go).
 */
export function chooseMode(mode: TailscaleOptions['mode'], isRouter: boolean): string {
  const forward = `# A subnet router forwards (sysctl net.ipv4.ip_forward).
echo 1 >/proc/sys/net/ipv4/ip_forward
[ ! -e /proc/sys/net/ipv6/conf/all/forwarding ] || echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
`;
  return `install -d -m 0700 ${TAILSCALE_STATE}
install -d -m 0755 ${TAILSCALE_NOTES} ${RUN}
${isRouter ? forward : ''}if grep -qs '"profile-' ${TAILSCALE_STATE}/tailscaled.state; then identity=known; else identity=new; fi
${DECIDE[mode]}echo "$identity" >${TAILSCALE_NOTES}/identity
echo "$mode" >${TAILSCALE_NOTES}/mode
echo "$why" >${TAILSCALE_NOTES}/why
echo "$mode networking: $why; identity: $identity"
`;
}

const DECIDE: Readonly<Record<TailscaleOptions['mode'], string>> = {
  auto: `if [ ! -c /dev/net/tun ]; then
  mode=userspace why='/dev/net/tun is missing'
elif ! error=$( { : <>/dev/net/tun; } 2>&1); then
  mode=userspace why="/dev/net/tun cannot be opened: \${error##*: }"
else
  mode=tun why='/dev/net/tun opens'
fi
`,
  tun: "mode=tun why='the definition says so'\n",
  userspace: "mode=userspace why='the definition says so'\n",
};

export function runDaemon(): string {
  return `read -r mode <${TAILSCALE_NOTES}/mode
tun=tailscale0
[ "$mode" = tun ] || tun=userspace-networking
exec tailscaled --tun="$tun" --statedir=${TAILSCALE_STATE} --socket=${TAILSCALE_SOCKET}
`;
}

/**
 * Root's script once the daemon listens: logs in, or goes on as the node that it is, and waits until it is Running. A key that is refused is named and not
 * tried again; a node that was logged out stays the node it was.
 */
export function joinTailnet(options: TailscaleOptions): string {
  return `exec 2>&1
notes=${TAILSCALE_NOTES}
if [ -s $notes/refused ]; then exit 1; fi
. ${GUEST.library}

# refuse CODE TEXT: said on the console at once, and not tried again until the daemon is.
refuse() {
  echo "vmkit-error $1: $2" | tee $notes/refused
  event late tailscale ",\\"log\\":\\"$(cat $notes/refused | base64 -w 0)\\""
  exit 1
}
state() { tailscale status --json --peers=false 2>/dev/null | sed -n 's/^  "BackendState": "\\(.*\\)",$/\\1/p'; }

set -- ${upFlags(options).map(quoteWord).join(' ')} --hostname="${options.hostname ?? '$(hostname)'}"
read -r identity <$notes/identity
key=${GUEST.secrets}/tailscale/auth-key
now=$(state)
settings=$(printf '%s\\n' "$@")
if [ "$identity" = new ]; then
  [ -s $key ] || refuse auth-key-missing 'this machine is in no tailnet yet, and no auth key was given'
  answer=$(tailscale up "$@" --auth-key=file:$key --timeout=60s 2>&1) || refuse login-failed "$answer"
  echo known >$notes/identity
  # Used once; nothing in this machine needs it again.
  rm -f $key
elif [ "$now" = NeedsLogin ]; then
  # With a new key it logs in again as the node that it was: its machine key is in the state.
  [ -s $key ] || refuse node-key-expired 'the key of this node has expired or was revoked; its identity is kept'
  answer=$(tailscale up "$@" --auth-key=file:$key --force-reauth --timeout=60s 2>&1) || refuse login-failed "$answer"
elif [ "$settings" != "$(cat ${TAILSCALE_STATE}/settings 2>/dev/null)" ]; then
  answer=$(tailscale up "$@" --timeout=60s 2>&1) || refuse settings-refused "$answer"
fi
printf '%s\\n' "$settings" >${TAILSCALE_STATE}/settings
[ "$now" = Running ] || now=$(state)
[ "$now" != Running ] || exit 0
# Why it is not, once: its health is the end of what \`tailscale status\` says.
why=$(tailscale status --peers=false 2>&1)
[ "$why" = "$(cat $notes/waits 2>/dev/null)" ] || echo "$now: $why"
printf '%s\n' "$why" >$notes/waits
exit 1
`;
}

/** All settings of a node, each said aloud: --reset gives the others their defaults. `tailscale up --help`. */
function upFlags(options: TailscaleOptions): string[] {
  return [
    '--reset',
    ...(options.loginServer === undefined ? [] : [`--login-server=${options.loginServer}`]),
    `--advertise-tags=${options.tags.join(',')}`,
    `--advertise-routes=${options.routes.join(',')}`,
    `--accept-routes=${options.acceptRoutes}`,
    `--accept-dns=${options.acceptDns}`,
    `--stateful-filtering=${options.statefulFiltering}`,
    `--netfilter-mode=${options.netfilter}`,
    '--snat-subnet-routes=true',
  ];
}
