import { type DialEnd, isAnswered } from '../host/dial.ts';
import type { GuestFacts } from './guest-facts.ts';
import { type Observation, toEvidence } from './observation.ts';
import type { Evidence, Finding, HopId } from './report.ts';
import type { ServeConfig, TailscalePrefs, TailscaleStatus } from './tailscale-json.ts';

/** A port of a machine, as a probe asks for it. */
export interface Target {
  readonly machine: string;
  /** The service's name. */
  readonly name: string;
  /** In the guest. */
  readonly port: number;
  readonly isHttp: boolean;
  /** On 127.0.0.1 of the host; undefined: not forwarded. */
  readonly hostPort: number | undefined;
  /** On this host's bridge; undefined: it is not there. */
  readonly bridgeAddress: string | undefined;
}

/** How a dial ended, as an observation. */
export interface Dial extends Omit<DialEnd, 'text'> {
  readonly observation: Observation;
}

/** What a tailnet peer saw. */
export interface PeerFacts {
  readonly title: string;
  /** `tailscale ping` of the guest. */
  readonly ping: Observation | undefined;
  /** Dials of the guest's tailnet address, by port. */
  readonly dials: ReadonlyMap<number, Dial>;
  /** The dial of what this host serves. */
  readonly proxyDial: Dial | undefined;
  /** The dial of the machine's bridge address, where this host routes it. */
  readonly routedDial: Dial | undefined;
}

/** This host as a node of the tailnet. */
export interface ProxyFacts {
  readonly observed: ReadonlyMap<string, Observation>;
  readonly status: TailscaleStatus | undefined;
  readonly serve: ServeConfig | undefined;
  readonly prefs: TailscalePrefs | undefined;
}

/** All that was looked at; judging it is pure. */
export interface Facts {
  readonly target: Target;
  /** Undefined: the guest was not reached, and why. */
  readonly guest: GuestFacts | undefined;
  readonly guestError: string | undefined;
  /** How the guest was looked at. */
  readonly guestBy: 'ssh' | 'console';
  /** Undefined where nobody looked from a peer. */
  readonly peer: PeerFacts | undefined;
  /** Undefined where this host has no Tailscale. */
  readonly proxy: ProxyFacts | undefined;
}

export type Problem = Omit<Finding, 'hop'>;

export type Looked =
  | { readonly ok: true; readonly evidence: readonly Evidence[] }
  | { readonly ok: false; readonly evidence: readonly Evidence[]; readonly problem: Problem };

/** One layer of a way. `look` is undefined where there is nothing to look at, which breaks nothing. */
export interface Check {
  readonly id: string;
  /** What holds when it is ok. */
  readonly title: string;
  readonly hop: HopId;
  readonly look: (facts: Facts) => Looked | undefined;
}

export function fine(...observations: readonly (Observation | undefined)[]): Looked {
  return { ok: true, evidence: evidenceOf(observations) };
}

export function broken(problem: Problem, ...observations: readonly (Observation | undefined)[]): Looked {
  return { ok: false, problem, evidence: evidenceOf(observations) };
}

function evidenceOf(observations: readonly (Observation | undefined)[]): Evidence[] {
  return observations.flatMap((each) => (each === undefined ? [] : [toEvidence(each)]));
}

/**
 * A layer that one observation, of the guest or of this host, tells of: `problemIn` names what is wrong there, and is backed by it and by `also`. Nothing to
 * look at where it was not made.
 */
export function onObserved(
  vantage: 'guest' | 'proxy',
  id: string,
  also: readonly string[],
  problemIn: (seen: Observation, facts: Facts) => Problem | undefined,
): Check['look'] {
  return (facts) => {
    const observed = facts[vantage]?.observed;
    const seen = observed?.get(id);
    if (seen === undefined) return undefined;
    const problem = problemIn(seen, facts);
    return problem === undefined ? fine(seen) : broken(problem, seen, ...also.map((each) => observed?.get(each)));
  };
}

/** A layer that a peer's dial tells of; `problem` adds to what every dial that failed says. */
export function onDial(
  dialOf: (facts: Facts) => Dial | undefined,
  problem: (dial: Dial, facts: Facts) => Omit<Problem, 'cause'>,
  also: (facts: Facts) => Observation | undefined = () => undefined,
): Check['look'] {
  return (facts) => {
    const dial = dialOf(facts);
    if (dial === undefined) return undefined;
    if (isAnswered(dial)) return fine(dial.observation);
    return broken({ cause: `dial-${dial.result}`, ...problem(dial, facts) }, dial.observation, also(facts));
  };
}

/** The first line of what a command said, for a finding's `observed`. */
export function said(observation: Observation | undefined): string {
  if (observation === undefined) return 'nothing was observed';
  const line = observation.output.split('\n').find((text) => text.trim() !== '');
  const nothing = `${observation.command}: no output, exit code ${observation.exitCode}`;
  return line === undefined ? nothing : `${observation.command}: ${line.trim()}`;
}
