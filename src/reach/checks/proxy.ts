import type { ServeEntry } from '../../spec/service.ts';
import { servedTo } from '../../tailnet/tailscale-json.ts';
import type { Facts } from '../facts.ts';
import { broken, type Check, fine, onDial, onObserved, said } from './check.ts';

/** This host as the way in: its own `tailscale serve` leads to the machine's port on 127.0.0.1. */

export const proxyNode: Check = {
  id: 'host-node',
  title: 'the host is in the tailnet',
  hop: 'host',
  look: ({ proxy }) => {
    const status = proxy?.observed.get('status');
    if (proxy?.status?.BackendState === 'Running') return fine(status);
    return broken(
      {
        cause: 'host-not-logged-in',
        title: "the host's Tailscale is not running",
        observed: proxy?.status === undefined ? said(status) : `BackendState ${proxy.status.BackendState}`,
        fix: 'sudo tailscale up, on the host',
      },
      status,
    );
  },
};

export const hostPortAnswers: Check = {
  id: 'host-port',
  title: "the machine's port answers on the host",
  hop: 'guest',
  look: onObserved('proxy', 'backend', [], (backend, { target }) =>
    backend.exitCode === 0
      ? undefined
      : {
          cause: 'host-port-no-answer',
          title: `nothing answers behind 127.0.0.1:${target.hostPort} of the host`,
          observed: said(backend),
          fix: `vmkit status ${target.machine}`,
        },
  ),
};

/** This host's serve entry that leads to the machine's port, where there is one. */
export function proxyServedFor({ proxy, target }: Facts): ServeEntry | undefined {
  return servedTo(proxy?.serve, target.hostPort)[0];
}

export const proxyServes: Check = {
  id: 'host-serve',
  title: 'serve of the host leads to the machine',
  hop: 'host',
  look: ({ proxy }) => fine(proxy?.observed.get('serve')),
};

export const proxyAnswers: Check = {
  id: 'host-serve-answers',
  isOfDial: true,
  title: 'the peer gets an answer through the host',
  hop: 'peer',
  look: onDial(
    ({ peer }) => peer?.proxyDial,
    ({ result, observation }, { target }) => ({
      title: `the peer's dial of the host ended: ${result}`,
      observed: said(observation),
      fix: `tailscale serve status; vmkit probe ${target.machine}`,
    }),
  ),
};
