import { isAnswered } from '../../net/dial.ts';
import type { Dial, Facts, Target } from '../facts.ts';
import { listenerText, parseListeners, takesLoopback } from '../look/guest/listeners.ts';
import { whyNotLocalFirst } from '../look/guest/policy-rules.ts';
import { broken, type Check, fine, type Looked, onObserved, type Problem, said, warned } from './check.ts';

/** Certificates and the control server's protocol tolerate minutes, not hours. */
export const CLOCK_SECONDS = 300;

/** What holds in any guest, whatever way leads there. */
export const guestAnswers: Check = {
  id: 'guest-answers',
  title: 'the guest answers',
  hop: 'guest',
  look: (facts) => {
    const clock = facts.guest?.observed.get('clock');
    if (facts.guest === undefined) return broken(whyNoGuest(facts));
    return facts.guestIsSlow === true ? warned(whyNoGuest(facts), clock) : fine(clock);
  },
};

function whyNoGuest({ guestError, guestHeld, guestIsSlow, target }: Facts): Problem {
  const fix = `vmkit status ${target.machine}`;
  if (guestHeld !== undefined) {
    return { cause: 'guest-held', title: 'the guest does not run', observed: guestHeld, fix };
  }
  const observed = guestError ?? 'no answer by ssh';
  return guestIsSlow === true
    ? { cause: 'guest-slow', title: 'the guest takes a login, and its programs do not answer in time', observed, fix }
    : { cause: 'guest-unreachable', title: 'the guest answers neither by ssh nor on its console', observed, fix };
}

/** It breaks no way by itself: what it breaks, such as a login, fails by its own. */
export const clockRight: Check = {
  id: 'clock',
  title: "the guest's clock is right",
  hop: 'guest',
  look: ({ guest, target }) => {
    const ahead = guest?.clockAhead;
    if (ahead === undefined) return undefined;
    const clock = guest?.observed.get('clock');
    return Math.abs(ahead) < CLOCK_SECONDS ? fine(clock) : warned(clockText(ahead, target), clock);
  },
};

/** `ahead`: seconds. */
export function clockText(ahead: number, { machine }: Pick<Target, 'machine'>): Problem {
  return {
    cause: 'clock-wrong',
    title: "the guest's clock is wrong",
    observed: `it is ${Math.round(Math.abs(ahead) / 60)} min ${ahead > 0 ? 'ahead of' : 'behind'} the host's`,
    fix: `vmkit exec ${machine} -- date -s @$(date +%s)`,
  };
}

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

export const loopbackAddress: Check = {
  id: 'loopback-address',
  title: 'loopback has its address',
  hop: 'loopback',
  look: onObserved('guest', 'loopbackAddress', ['backend'], (address, { target }) =>
    address.output.includes(' 127.0.0.1/')
      ? undefined
      : {
          cause: 'loopback-address-missing',
          title: 'loopback has no address 127.0.0.1 in the guest',
          observed: said(address),
          fix: `vmkit exec ${target.machine} -- ip address add 127.0.0.1/8 dev lo`,
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
    if (onPort.some(takesLoopback)) return fine(sockets);
    const addresses = onPort.map(listenerText).join(', ');
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

/** Whose question is not answered inside the guest cannot be answered outside. */
export const backendAnswers: Check = {
  id: 'backend-answers',
  title: 'the service answers inside the guest',
  hop: 'backend',
  look: ({ guest, asked, target }) => {
    if (asked === undefined) return undefined;
    const sockets = guest?.observed.get('listeners');
    const isSilent = asked.result === 'silent';
    if (isAnswered(asked) || asked.result === 'coming' || (isSilent && target.protocol === 'tcp'))
      return fine(asked.observation);
    const full = parseListeners(sockets?.output ?? '').find(
      ({ port, waiting, backlog }) => port === target.port && waiting > backlog,
    );
    if (full !== undefined) {
      const observed = `ss -ltn: ${full.waiting} connections wait on port ${full.port}, ${full.backlog} may; ${said(asked.observation)}`;
      return broken({ ...FULL, observed, fix: fixOf(target) }, sockets, asked.observation);
    }
    return broken(
      { ...noAnswer(asked.result, target), observed: said(asked.observation), fix: fixOf(target) },
      sockets,
      asked.observation,
    );
  },
};

const FULL = { cause: 'backlog-full', title: 'the service accepts no more connections: its queue is full' };

const ANSWERS: Partial<Record<Dial['result'], string>> = {
  silent: 'takes connections and says nothing',
  cut: 'begins an answer and does not end it',
  foreign: 'answers in another protocol',
  closed: 'ends connections without an answer',
};

function noAnswer(result: Dial['result'], { name, port }: Target): Pick<Problem, 'cause' | 'title'> {
  const how = ANSWERS[result];
  return how === undefined
    ? { cause: 'backend-no-answer', title: `${name} takes no connection on 127.0.0.1:${port}` }
    : { cause: `backend-${result}`, title: `${name} ${how}, inside the guest, too` };
}

function fixOf({ machine, name }: Target): string {
  return `vmkit logs ${machine} ${name}; vmkit exec ${machine} -- ss -ltnp`;
}
