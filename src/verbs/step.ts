import type { Context } from '../host/context.ts';

/** A piece of long work with a title: an artifact, a phase of a boot. */
export interface Step<Result> {
  readonly title: string;
  /** What it reports to the context that it is given is shown under its title. */
  readonly run: (context: Context) => Promise<Result>;
  /** The title once it is done: `kernel 6.12 x86_64 (cached)`. */
  readonly done?: (result: Result) => string;
}

export type Outcomes<Result> = readonly PromiseSettledResult<Result>[];

/**
 * What a verb works with: the context of all effectful work, and whoever shows it and answers its questions. `host` and `paths` are the place where machines run
 * and are kept.
 */
export interface VerbContext extends Context {
  /** This computer: here definitions are read, and kernels and images are built. */
  readonly builder: Pick<Context, 'host' | 'paths'>;
  /** Runs steps beside one another, begun in their order, and shows how they fare. All are over when it returns. */
  readonly settleSteps: <Result>(steps: readonly Step<Result>[], context: Context) => Promise<Outcomes<Result>>;
  /** Asks a person for a secret: `auth key of the tailnet for forge:`. Undefined where nobody can be asked. */
  readonly askSecret: (question: string) => Promise<string | undefined>;
}

/** The same for what is built, and read of a person's own files: on this computer. */
export function buildContext(context: VerbContext): VerbContext {
  return { ...context, ...context.builder };
}

/** Runs a step and returns its result. Its errors pass through unchanged. */
export async function runStep<Result>(step: Step<Result>, context: VerbContext): Promise<Result> {
  const [outcome] = await context.settleSteps([step], context);
  if (outcome === undefined) throw new TypeError('A step ended without a result.');
  return resultOf(outcome);
}

/** The same for steps that run beside one another; the error is that of the first one that failed. */
export async function runSteps<Result>(steps: readonly Step<Result>[], context: VerbContext): Promise<Result[]> {
  return (await context.settleSteps(steps, context)).map(resultOf);
}

function resultOf<Result>(outcome: PromiseSettledResult<Result>): Result {
  if (outcome.status === 'rejected') throw outcome.reason;
  return outcome.value;
}

/** Runs steps without showing anything but what the context reports: for programs that call verbs as a library. */
export async function settleQuietly<Result>(
  steps: readonly Step<Result>[],
  context: Context,
): Promise<Outcomes<Result>> {
  return Promise.allSettled(steps.map((step) => step.run(context)));
}
