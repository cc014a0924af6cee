import { isAnswered } from '../../net/dial.ts';
import type { Dial, Facts } from '../facts.ts';
import { type Observation, toEvidence } from '../observation.ts';
import type { Evidence, Finding, HopId } from '../report.ts';

export type Problem = Omit<Finding, 'hop'>;

export type Looked =
  | {
      readonly ok: true;
      readonly evidence: readonly Evidence[];
      /** What is wrong, though the way does not stand on it. */
      readonly warning?: Problem;
    }
  | { readonly ok: false; readonly evidence: readonly Evidence[]; readonly problem: Problem };

/** One layer of a way. `look` is undefined where there is nothing to look at, which breaks nothing. */
export interface Check {
  readonly id: string;
  /** What holds when it is ok. */
  readonly title: string;
  readonly hop: HopId;
  /** It tells how a dial ended: the way of its packets says more, where that was followed. */
  readonly isOfDial?: true;
  readonly look: (facts: Facts) => Looked | undefined;
}

export function fine(...observations: readonly (Observation | undefined)[]): Looked {
  return { ok: true, evidence: evidenceOf(observations) };
}

export function broken(problem: Problem, ...observations: readonly (Observation | undefined)[]): Looked {
  return { ok: false, problem, evidence: evidenceOf(observations) };
}

/** Something is wrong that the way itself does not stand on. */
export function warned(warning: Problem, ...observations: readonly (Observation | undefined)[]): Looked {
  return { ok: true, warning, evidence: evidenceOf(observations) };
}

function evidenceOf(observations: readonly (Observation | undefined)[]): Evidence[] {
  return observations.flatMap((each) => (each === undefined ? [] : [toEvidence(each)]));
}

/**
 * A layer that one observation, of the guest or of this host, tells of: `problemIn` names what is wrong there, and is backed by it and by `also`. Nothing to
 * look at where it was not made.
 */
export function onObserved(
  vantage: 'guest' | 'proxy' | 'router',
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
    if (dial === undefined || dial.isUnasked) return undefined;
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
