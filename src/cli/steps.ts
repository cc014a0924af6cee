import { printableLine } from '../core/printable.ts';
import type { Report } from '../core/progress.ts';
import type { Context } from '../host/context.ts';
import type { CommandContext } from './command.ts';
import { countText, durationText, plainReport } from './progress-lines.ts';
import { say } from './say.ts';

/** A piece of long work with a title: an artifact, a phase of a boot. */
export interface Step<Result> {
  readonly title: string;
  /** What it reports to the context that it is given is shown under its title. */
  readonly run: (context: Context) => Promise<Result>;
  /** The title once it is done: `kernel 6.12 x86_64 (cached)`. */
  readonly done?: (result: Result) => string;
}

/**
 * Runs a step and shows it on standard error with the time it took: a live line on a terminal, plain lines elsewhere.
 * Its errors pass through unchanged.
 */
export async function runStep<Result>(step: Step<Result>, context: CommandContext): Promise<Result> {
  const [outcome] = await settleSteps([step], context);
  if (outcome === undefined) throw new TypeError('A step ended without a result.');
  return resultOf(outcome);
}

/** The same for steps that run beside one another, begun in their order. All are over when it returns; the error is that of the first one that failed. */
export async function runSteps<Result>(steps: readonly Step<Result>[], context: CommandContext): Promise<Result[]> {
  return (await settleSteps(steps, context)).map(resultOf);
}

function resultOf<Result>(outcome: PromiseSettledResult<Result>): Result {
  if (outcome.status === 'rejected') throw outcome.reason;
  return outcome.value;
}

function settleSteps<Result>(steps: readonly Step<Result>[], context: CommandContext): Promise<Outcomes<Result>> {
  return context.progressStyle === 'live' ? runLive(steps, context) : runPlain(steps, context);
}

type Outcomes<Result> = readonly PromiseSettledResult<Result>[];

async function runPlain<Result>(steps: readonly Step<Result>[], context: CommandContext): Promise<Outcomes<Result>> {
  const run = async (step: Step<Result>): Promise<Result> => {
    const started = performance.now();
    const result = await step.run({ ...context, report: plainReport(say, `${step.title}: `) });
    say(`${finished(step, result, started)}\n`);
    return result;
  };
  return Promise.allSettled(steps.map(run));
}

async function runLive<Result>(steps: readonly Step<Result>[], context: CommandContext): Promise<Outcomes<Result>> {
  // Loaded where there is something to show: it takes longer than most verbs.
  const { Listr, ListrLogger, ProcessOutput } = await import('listr2');
  const notes: string[] = [];
  const runs: Promise<Result>[] = [];
  const logger = new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) });
  const list = new Listr<unknown>(
    steps.map((step, at) => ({
      title: step.title,
      task: async (_, task) => {
        const started = performance.now();
        const show = (text: string): void => {
          task.title = printableLine(`${step.title}  ${text}`);
        };
        const run = step.run({ ...context, report: liveReport(show, notes) });
        runs[at] = run;
        try {
          task.title = printableLine(finished(step, await run, started));
        } catch (error) {
          task.title = step.title;
          throw error;
        }
      },
    })),
    {
      concurrent: true,
      exitOnError: false,
      renderer: 'default',
      fallbackRendererCondition: false,
      registerSignalListeners: false,
      rendererOptions: { logger, showErrorMessage: false, formatOutput: 'truncate' },
    },
  );
  await list.run();
  for (const note of notes) say(`  ${note}\n`);
  return Promise.allSettled(runs);
}

/** Phase and count beside the title; notes are kept for after the step. */
function liveReport(show: (text: string) => void, notes: string[]): Report {
  let phase = '';
  return (progress) => {
    if (progress.kind === 'note') {
      notes.push(progress.text);
      return;
    }
    if (progress.kind === 'phase') phase = progress.text;
    show(progress.kind === 'count' ? `${phase}  ${countText(progress)}` : phase);
  };
}

function finished<Result>(step: Step<Result>, result: Result, started: number): string {
  return `${step.done?.(result) ?? step.title}  ${durationText(performance.now() - started)}`;
}
