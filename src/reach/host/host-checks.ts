import type { HostCheck } from './host-check.ts';
import { forwards, groForwards, localFirst, netfilter, stateful, tailscaleRules, tun } from './network-checks.ts';
import { clockRight, controlAnswers, keyLasts, names, runs } from './node-checks.ts';

/** From the bottom up. */
export const HOST_CHECKS: readonly HostCheck[] = [
  { id: 'tailscaled', title: 'tailscaled answers and runs', hop: 'tailscaled', look: runs },
  { id: 'tun', title: 'the system routes the tailnet', hop: 'host', look: tun },
  { id: 'local-rule', title: 'local addresses are looked up first', hop: 'loopback', look: localFirst },
  { id: 'policy-rules', title: "tailscaled's policy rules are there", hop: 'host', look: tailscaleRules },
  { id: 'netfilter', title: "tailscaled's firewall rules are used", hop: 'host', look: netfilter },
  { id: 'control', title: 'the control server answers', hop: 'control', look: controlAnswers },
  { id: 'clock', title: 'the clock is right', hop: 'control', look: clockRight },
  { id: 'key', title: "the node's key is good", hop: 'control', look: keyLasts },
  { id: 'names', title: 'names of the tailnet are resolved', hop: 'host', look: names },
  { id: 'ip-forward', title: 'what is routed is forwarded', hop: 'host', look: forwards },
  { id: 'gro', title: 'UDP is forwarded in large pieces', hop: 'host', look: groForwards },
  { id: 'stateful', title: 'answers to bridges are let in', hop: 'host', look: stateful },
];
