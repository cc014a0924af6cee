import { GUEST } from '../../../core/guest-paths.ts';
import { parseJson } from '../../../core/text/json.ts';
import { TAILSCALE_NOTES } from '../../../spec/services/tailscale/tailscale-scripts.ts';
import {
  type ServeConfig,
  serveConfig,
  type TailscaleStatus,
  tailscaleStatus,
} from '../../../tailnet/tailscale-json.ts';
import { type Observation, observeScript, readObservations } from '../../observation.ts';
import { DAEMON_STATE, TAILSCALED } from './daemon-state.ts';

/** Whether tailscaled is this machine's resolver (accept-dns). */
const TAILNET_RESOLVES = 'case $(cat /etc/resolv.conf) in *"nameserver 100.100.100.100"*) true ;; *) false ;; esac';

/** The name servers of the root: every resolver with a way to the world knows them. */
function asks(server: string): string {
  return `timeout 4 ${GUEST.busybox} nslookup -type=ns . ${server}`;
}

/** A tailscaled that hangs answers nobody: what is asked of it is given up after some seconds. */
const TAILSCALE = 'timeout 5 tailscale';
/** How timeout(1) ends what is late. */
export const LATE = 124;
const STATUS = `${TAILSCALE} status --json --peers=false`;

/** What is looked at in the guest, each as a person would type it there. */
function guestCommands(): Record<string, string> {
  return {
    clock: `${GUEST.busybox} date +%s`,
    // Before what is asked of itself, which may hang: up or down, and since when; how its process stands; when it ended last.
    daemon: `s6-svstat ${TAILSCALED}; ${DAEMON_STATE}; daemon`,
    deaths: `s6-svdt ${TAILSCALED}`,
    loopback: 'ip -br link show lo',
    loopbackAddress: 'ip -br -4 address show lo',
    rules: 'ip rule show',
    listeners: 'ss -Hltn',
    // Asked first: <> would make a file of that name. After `:` a shell ends where it does not open (POSIX, special built-ins).
    tun: '{ test -c /dev/net/tun || ! echo no such device; } && true <>/dev/net/tun',
    nftables: 'nft list tables',
    iptables: 'command -v iptables',
    mode: `cat ${TAILSCALE_NOTES}/mode ${TAILSCALE_NOTES}/why`,
    refused: `cat ${TAILSCALE_NOTES}/refused`,
    // One that hangs uses no time on the processor while it is asked, one in a slow guest does.
    status: `${DAEMON_STATE}; daemon >/dev/null; before=$used; ${STATUS}; code=$?
[ $code != ${LATE} ] || { daemon >/dev/null; echo; echo "used $(((used - before) * 10)) ms"; }; (exit $code)`,
    serve: `${TAILSCALE} serve status --json`,
    routes: 'ip -4 route show table main',
    wireguardLink: 'ip -br link show wg0',
    // It hides the private key; `dump` would not.
    wireguard: 'wg show wg0',
    log: `${GUEST.busybox} tail -n 40 ${GUEST.logs}/tailscale/current`,
    resolver: `if ${TAILNET_RESOLVES}; then ${asks('100.100.100.100')}; fi`,
    // What was asked before tailscaled took over (net/dns/direct.go), one after another until one answers.
    'resolver-before': `if ${TAILNET_RESOLVES}; then for server in $(sed -n 's/^nameserver //p' /etc/resolv.pre-tailscale-backup.conf); do ${asks('$server')} && break; done; fi`,
  };
}

export interface GuestFacts {
  readonly observed: ReadonlyMap<string, Observation>;
  /** Seconds that the guest's clock is ahead of the host's. */
  readonly clockAhead: number | undefined;
  readonly status: TailscaleStatus | undefined;
  readonly serve: ServeConfig | undefined;
}

type Commands = Readonly<Record<string, string>>;

/** One script for all that is looked at in the guest. `more`: what other ways than Tailscale's look at. */
export function guestScript(more: Commands = {}): string {
  return observeScript({ ...guestCommands(), ...more });
}

/** A line of what such a script prints: serve and all that is asked before it, Tailscale's state above all, were told. */
export function isAfterServe(line: string): boolean {
  return line === '==> routes <==';
}

/** `hostSeconds`: the host's clock when the script ran, Unix time. */
export function readGuestFacts(printed: string, hostSeconds: number, more: Commands = {}): GuestFacts {
  const observed = readObservations(printed, { ...guestCommands(), status: STATUS, ...more }, 'guest');
  const clock = observed.get('clock');
  return {
    observed,
    clockAhead: clock === undefined || clock.exitCode !== 0 ? undefined : Number(clock.output) - hostSeconds,
    status: parseJson(observed.get('status')?.output, tailscaleStatus),
    serve: parseJson(observed.get('serve')?.output, serveConfig),
  };
}
