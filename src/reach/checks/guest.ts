import { parseListeners, takesLoopback } from '../look/listeners.ts';
import { whyNotLocalFirst } from '../look/policy-rules.ts';
import type { Observation } from '../observation.ts';
import { broken, type Check, fine, type Looked, onObserved, said } from './check.ts';

/** Certificates and the control server's protocol tolerate minutes, not hours. */
export const CLOCK_SECONDS = 300;

/** What holds in any guest, whatever way leads there. */
export const guestAnswers: Check = {
  id: 'guest-answers',
  title: 'the guest answers',
  hop: 'guest',
  look: ({ guest, guestError, target }) =>
    guest !== undefined
      ? fine(guest.observed.get('clock'))
      : broken({
          cause: 'guest-unreachable',
          title: 'the guest does not answer',
          observed: guestError ?? 'no answer by ssh',
          fix: `vmkit status ${target.machine}`,
        }),
};

export const clockRight: Check = {
  id: 'clock',
  title: "the guest's clock is right",
  hop: 'guest',
  look: ({ guest, target }) => {
    const ahead = guest?.clockAhead;
    if (ahead === undefined) return undefined;
    const clock = guest?.observed.get('clock');
    if (Math.abs(ahead) < CLOCK_SECONDS) return fine(clock);
    return broken(
      {
        cause: 'clock-wrong',
        title: "the guest's clock is wrong",
        observed: `it is ${Math.round(Math.abs(ahead) / 60)} min ${ahead > 0 ? 'ahead of' : 'behind'} the host's`,
        fix: `vmkit exec ${target.machine} -- date -s @$(date +%s)`,
      },
      clock,
    );
  },
};

export const loopbackUp: Check = {
  id: 'loopback',
  title: 'loopback is up',
  hop: 'loopback',
  look: onObserved('guest', 'loopback', ['backend'], (link, { guest, target }) =>
    /<[^>]*\bUP\b/.test(link.output)
      ? undefined
      : {
          cause: 'loopback-down',
          title: 'loopback is down in the guest',
          observed: said(guest?.observed.get('backend')),
          fix: `vmkit exec ${target.machine} -- ip link set lo up`,
        },
  ),
};

export const policyRouting: Check = {
  id: 'policy-routing',
  title: 'the kernel has policy routing',
  hop: 'guest',
  look: onObserved('guest', 'rules', [], (rules, { target }) =>
    /^\d+:/m.test(rules.output)
      ? undefined
      : {
          cause: 'kernel-no-policy-routing',
          title: 'the kernel has no policy routing',
          observed: said(rules),
          fix: `Add CONFIG_IP_MULTIPLE_TABLES=y, or use the default profile; vmkit check-kernel ${target.machine}`,
        },
  ),
};

export const localRuleFirst: Check = {
  id: 'local-rule',
  title: 'local addresses are looked up first',
  hop: 'guest',
  look: onObserved('guest', 'rules', ['backend'], (rules, { target }) => {
    const why = whyNotLocalFirst(rules.output);
    if (why === undefined) return undefined;
    return {
      cause: 'local-rule-moved',
      title: 'rule 0 is missing or comes too late in the guest',
      observed: why,
      fix: `vmkit exec ${target.machine} -- ip rule add pref 0 lookup local`,
    };
  }),
};

/** A process listens on the port, and 127.0.0.1 leads to it. */
export const backendListens: Check = {
  id: 'backend',
  title: 'the service listens on 127.0.0.1',
  hop: 'backend',
  look: ({ guest, target }): Looked | undefined => {
    const sockets = guest?.observed.get('listeners');
    if (sockets === undefined) return undefined;
    const backend = guest?.observed.get('backend');
    const onPort = parseListeners(sockets.output).filter(({ port }) => port === target.port);
    if (onPort.some(takesLoopback)) return backendAnswers(target.machine, target.port, sockets, backend);
    const addresses = onPort.map(({ address }) => `${address}:${target.port}`).join(', ');
    if (onPort.length > 0) {
      return broken(
        {
          cause: 'backend-other-address',
          title: `the service listens on another address than 127.0.0.1`,
          observed: `ss -ltn: ${addresses}`,
          fix: `Let ${target.name} listen on 127.0.0.1:${target.port} or on all addresses`,
        },
        sockets,
        backend,
      );
    }
    return broken(
      {
        cause: 'backend-not-listening',
        title: `nothing listens on port ${target.port}`,
        observed: said(backend),
        fix: `vmkit logs ${target.machine} ${target.name}`,
      },
      sockets,
      backend,
    );
  },
};

function backendAnswers(machine: string, port: number, sockets: Observation, backend: Observation | undefined): Looked {
  if (backend === undefined || backend.exitCode === 0) return fine(sockets, backend);
  return broken(
    {
      cause: 'backend-no-answer',
      title: `the service takes no connection on 127.0.0.1:${port}`,
      observed: said(backend),
      fix: `vmkit exec ${machine} -- ss -ltnp`,
    },
    sockets,
    backend,
  );
}
