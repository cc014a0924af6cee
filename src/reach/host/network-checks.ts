import { broken, fine, type Looked, type Problem, said, warned } from '../checks/check.ts';
import { whyNotLocalFirst } from '../look/guest/policy-rules.ts';
import type { HostCheck } from './host-check.ts';
import type { HostFacts } from './host-facts.ts';

/** What the system does with packets of the tailnet. */

export const tun: HostCheck['look'] = ({ status, observed }) => {
  const seen = observed.get('tun');
  if (status === undefined || seen === undefined) return undefined;
  if (status.TUN) return fine(seen);
  const opens = seen.exitCode === 0;
  const title = 'userspace networking: only programs that use its proxy reach the tailnet';
  const why = opens ? '/dev/net/tun opens, so tailscaled was told so (--tun=userspace-networking)' : said(seen);
  const fix = opens
    ? 'Start tailscaled as root without --tun; or stay with vmkit tailnet run'
    : 'CONFIG_TUN and /dev/net/tun, in a container --device /dev/net/tun --cap-add NET_ADMIN; or vmkit tailnet run';
  return warned({ cause: opens ? 'userspace-chosen' : 'tun-missing', title, observed: why, fix }, seen);
};

export const localFirst: HostCheck['look'] = ({ observed }) => {
  const rules = observed.get('rules');
  if (rules === undefined || rules.exitCode !== 0) return undefined;
  const why = whyNotLocalFirst(rules.output);
  if (why === undefined) return fine(rules);
  const title = 'rule 0 is missing or comes too late on this computer';
  return broken(
    { cause: 'local-rule-moved', title, observed: why, fix: 'sudo ip rule add pref 0 lookup local' },
    rules,
  );
};

export const tailscaleRules: HostCheck['look'] = ({ status, prefs, observed }) => {
  const rules = observed.get('rules');
  if (status?.TUN !== true || rules?.exitCode !== 0) return undefined;
  if (/ lookup 52\b/.test(rules.output)) return fine(rules);
  const title = "tailscaled's policy rules are gone: packets for the tailnet go out by the default route";
  const fix = 'sudo systemctl restart tailscaled';
  const observedText = `ip rule show: no \`lookup 52\`${prefs?.NetfilterMode === 0 ? ', netfilter-mode off' : ''}`;
  return broken({ cause: 'policy-rules-gone', title, observed: observedText, fix }, rules);
};

export const netfilter: HostCheck['look'] = ({ status, prefs, observed }) => {
  if (status?.TUN !== true || prefs === undefined) return undefined;
  const seen = observed.get('prefs');
  if (prefs.NetfilterMode === undefined || prefs.NetfilterMode === 2) return fine(seen, observed.get('filter'));
  const mode = prefs.NetfilterMode === 0 ? 'off' : 'nodivert';
  const title = `netfilter-mode is ${mode}: tailscaled's own firewall rules do nothing`;
  const fix = 'tailscale set --netfilter-mode=on, unless your own rules let in tailscale0';
  return warned({ cause: 'netfilter-off', title, observed: `NetfilterMode ${prefs.NetfilterMode}`, fix }, seen);
};

function routerCheck(look: (facts: HostFacts, routes: readonly string[]) => Looked | undefined): HostCheck['look'] {
  return (facts) => {
    const routes = facts.prefs?.AdvertiseRoutes ?? [];
    return facts.status?.TUN === true && routes.length > 0 ? look(facts, routes) : undefined;
  };
}

export const forwards: HostCheck['look'] = routerCheck(({ observed }, routes) => {
  const seen = observed.get('forward');
  if (seen === undefined) return undefined;
  const needed = routes.some((route) => route.includes(':')) ? ['ip_forward:1', 'forwarding:1'] : ['ip_forward:1'];
  if (needed.every((each) => seen.output.includes(each))) return fine(seen);
  const title = 'this computer does not forward packets, and offers routes';
  const fix = 'sudo sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1';
  return broken({ cause: 'ip-forward-off', title, observed: said(seen), fix }, seen);
});

export const groForwards: HostCheck['look'] = routerCheck(({ observed }) => {
  const seen = observed.get('gro');
  if (seen === undefined || seen.exitCode !== 0) return undefined;
  if (/rx-udp-gro-forwarding: on/.test(seen.output) && /rx-gro-list: off/.test(seen.output)) return fine(seen);
  const title = 'UDP GRO forwarding is off: what this router forwards is slower than it could be';
  const fix = 'sudo ethtool -K DEVICE rx-udp-gro-forwarding on rx-gro-list off (Linux 6.2)';
  return warned({ cause: 'gro-off', title, observed: seen.output.replaceAll('\n', ', '), fix }, seen);
});

export const stateful: HostCheck['look'] = ({ status, prefs, observed }) => {
  const bridges = observed.get('bridges');
  const isFiltering = prefs?.NoStatefulFiltering === false || prefs?.NoStatefulFiltering === 'false';
  if (status?.TUN !== true || bridges?.exitCode !== 0) return undefined;
  if (!isFiltering) return fine(observed.get('prefs'), bridges);
  const title =
    'stateful filtering is on: UDP answers of the resolver to containers and machines on bridges are dropped';
  const fix = 'tailscale set --stateful-filtering=false, unless this router must not let strangers in';
  const problem: Problem = {
    cause: 'stateful-filtering',
    title,
    observed: 'NoStatefulFiltering false, with a bridge',
    fix,
  };
  return warned(problem, observed.get('prefs'), bridges);
};
