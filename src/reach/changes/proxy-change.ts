import type { Change } from '../../host/changes/change.ts';
import { proxyServedFor } from '../checks/proxy.ts';
import type { Facts } from '../facts.ts';

/** Names what was done to this host for a port of a machine; '' for what all such names begin with. */
export function proxyChangeId(machine: string, port: number | ''): string {
  return `serve:${machine}:${port}`;
}

/**
 * What makes this host serve a machine's port in the tailnet: TCP, so that it fits any service, on the same port as on 127.0.0.1. Kept by tailscaled over
 * a reboot. A port that this host serves already is left alone: 10000 more is taken.
 */
export function planProxy(facts: Facts, hostPort: number): Change {
  const { machine, port } = facts.target;
  const taken = new Set(Object.keys(facts.proxy?.serve?.TCP ?? {}).map(Number));
  const there = proxyServedFor(facts);
  const serve = there?.port ?? [hostPort, hostPort + 10_000].find((each) => !taken.has(each)) ?? hostPort;
  return {
    id: proxyChangeId(machine, port),
    title: `the host serves ${serve} → 127.0.0.1:${hostPort}`,
    apply: [{ argv: ['tailscale', 'serve', '--bg', '--yes', `--tcp=${serve}`, `tcp://127.0.0.1:${hostPort}`] }],
    undo: [{ argv: ['tailscale', 'serve', '--yes', `--tcp=${serve}`, 'off'] }],
    isApplied: {
      argv: ['sh', '-c', `tailscale serve status --json | grep -q '"TCPForward": "127.0.0.1:${hostPort}"'`],
      needsRoot: true,
    },
    whenFound: 'keep',
    outlivesReboot: true,
  };
}
