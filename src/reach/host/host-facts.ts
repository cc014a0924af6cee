import { messageOf } from '../../core/errors/errors.ts';
import { parseJson } from '../../core/text/json.ts';
import { shellCommand } from '../../core/text/shell-quote.ts';
import type { Context } from '../../host/context.ts';
import type { Daemon } from '../../tailnet/daemon/find-daemon.ts';
import { type TailscalePrefs, type TailscaleStatus, tailscalePrefs, withoutDot } from '../../tailnet/tailscale-json.ts';
import { type Observation, ON_HOST, observeScript, readObservations } from '../observation.ts';

/** What was looked at on this computer, as a node of a tailnet. */
export interface HostFacts {
  readonly observed: ReadonlyMap<string, Observation>;
  readonly status: TailscaleStatus | undefined;
  readonly prefs: TailscalePrefs | undefined;
  readonly socket: string | undefined;
  /** Whether the control server answers in HTTP, whatever it says. */
  readonly control: Observation | undefined;
  /** Seconds that this computer's clock is ahead of the control server's; undefined: nobody knows. */
  readonly clockAhead: number | undefined;
}

/** The interface of the default route, in sh. */
const UPLINK = "$(ip route show default | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p' | head -n 1)";

/** As a person would type it there. */
function commands(tailscale: string | undefined, name: string): Record<string, string> {
  const ofDaemon =
    tailscale === undefined
      ? {}
      : { status: `timeout 8 ${tailscale} status --json`, prefs: `timeout 8 ${tailscale} debug prefs` };
  return {
    ...ofDaemon,
    tun: '{ test -c /dev/net/tun || ! echo no such device; } && true <>/dev/net/tun',
    rules: 'ip rule show',
    forward: 'grep . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding',
    gro: `ethtool -k ${UPLINK} | grep -E 'rx-udp-gro-forwarding|rx-gro-list'`,
    filter: 'nft list tables && nft list chain ip filter ts-input || iptables -S ts-input',
    // A bridge with members, as of containers or machines.
    bridges: 'ls -d /sys/class/net/*/brif/*',
    resolver: 'cat /etc/resolv.conf',
    ...(name === '' ? {} : { name: `timeout 5 getent hosts ${name}` }),
  };
}

/** Looks at everything at the same time. `daemon`: the one that was found. */
export async function lookAtThisHost(daemon: Daemon | undefined, { host, signal }: Context): Promise<HostFacts> {
  const name = withoutDot(daemon?.status.Self.DNSName ?? '');
  const asked = commands(daemon && shellCommand(daemon.tailscale), /^[a-z0-9.-]*$/i.test(name) ? name : '');
  const looked = host.exec(['sh'], { input: observeScript(asked, ON_HOST), withinMs: 30_000, signal });
  const { stdout } = await looked;
  const observed = readObservations(stdout, asked, 'host');
  const prefs = parseJson(observed.get('prefs')?.output, tailscalePrefs);
  const answer = prefs === undefined ? undefined : await askControl(prefs.ControlURL, signal);
  return {
    observed,
    status: daemon?.status,
    prefs,
    socket: daemon?.socket,
    control: answer?.seen,
    clockAhead: answer?.clockAhead,
  };
}

/** The control server's answer tells its time, too, in whole seconds. */
export async function askControl(
  url: string,
  signal: AbortSignal,
): Promise<{ seen: Observation; clockAhead?: number }> {
  const command = `curl -sI ${url}`;
  try {
    const withTime = AbortSignal.any([signal, AbortSignal.timeout(8_000)]);
    const response = await fetch(url, { method: 'HEAD', redirect: 'manual', signal: withTime });
    const date = response.headers.get('date') ?? '';
    const ahead = Math.round((Date.now() - Date.parse(date)) / 1000);
    const seen: Observation = {
      vantage: 'host',
      command,
      output: `HTTP ${response.status}, Date: ${date}`,
      exitCode: 0,
    };
    return Number.isNaN(ahead) ? { seen } : { seen, clockAhead: ahead };
  } catch (error) {
    const why = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
    return { seen: { vantage: 'host', command, output: why, exitCode: 1 } };
  }
}
