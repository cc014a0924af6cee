import type { Report } from '../../core/progress.ts';
import { printableLine } from '../../core/text/printable.ts';
import type { Context } from '../../host/context.ts';
import type { Outcomes, Step, VerbContext } from '../../verbs/step.ts';
import { countText, durationText, plainReport } from './progress-lines.ts';
import { say } from './say.ts';

/**
 * How steps are shown on standard error, with the time that each took: live lines on a terminal, or one plain line for
 * each event.
 */
export function stepsShown(style: 'live' | 'plain'): VerbContext['settleSteps'] {
  return style === 'live' ? runLive : runPlain;
}

async function runPlain<Result>(steps: readonly Step<Result>[], context: Context): Promise<Outcomes<Result>> {
  const run = async (step: Step<Result>): Promise<Result> => {
    const started = performance.now();
    const result = await step.run({ ...context, report: plainReport(say, `${step.title}: `) });
    say(`${finished(step, result, started)}\n`);
    return result;
  };
  return Promise.allSettled(steps.map(run));
}

async function runLive<Result>(steps: readonly Step<Result>[], context: Context): Promise<Outcomes<Result>> {
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
