import type { ErrorCode } from '../../core/errors/error-codes.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Host } from '../../host/host.ts';
import { EVENT_PORT } from '../../spec/guest-event.ts';
import { codeOf } from '../held.ts';
import { type BootProgress, currentStep, killedText } from './boot-progress.ts';
import type { BootDeadlines, Followed } from './follow.ts';
import { timelineOf } from './timeline.ts';

const LOG_TAIL_LINES = 20;

const OTHER_VERSION =
  'Where the data is newer than the program, set back what you changed: suite in vm.yaml, or the component. Where it is older:';

/** The error for a boot that did not end in `booted`: what missed its deadline or failed, and the end of its log and of the console. */
export async function bootFailure(
  name: string,
  followed: Followed,
  deadlines: BootDeadlines,
  paths: MachinePaths,
  host: Host,
  isStillRunning: boolean,
  monitor = 'QEMU',
): Promise<VmkitError> {
  const { code, summary, log } = describe(followed, deadlines, monitor);
  const monitorLog = followed.end.kind === 'qemu-ended' ? await lastLines(paths.monitorLog, host) : [];
  const sections = [
    `Booting ${name}: ${summary}`,
    section('The end of its log', log),
    section(`${monitor} says`, monitorLog.join('\n')),
    section('The end of the console', followed.consoleTail.join('\n')),
  ];
  return new VmkitError('boot', code, sections.filter((text) => text !== '').join('\n'), {
    hint:
      code === 'data-of-other-version'
        ? `${OTHER_VERSION} vmkit stop ${name}, then vmkit upgrade ${name}.`
        : isStillRunning
          ? `It still runs, for you to look: vmkit logs ${name}, vmkit shell ${name}, vmkit console ${name}. Then: vmkit stop ${name}`
          : `The whole console is in ${paths.consoleLog} (vmkit logs ${name}).`,
    details: {
      end: followed.end,
      step: currentStep(followed.progress),
      timeline: timelineOf(followed.progress),
      console: followed.consoleTail,
    },
  });
}

function describe(
  { end, progress }: Followed,
  deadlines: BootDeadlines,
  monitor: string,
): { code: ErrorCode; summary: string; log: string } {
  switch (end.kind) {
    case 'late': {
      if (end.reason === 'crash-loop') {
        const summary = `the service ${end.service} ends again and again before it is ready, the last time at ${end.uptime.toFixed(1)} s.${killed(end.service, progress)}`;
        return { code: 'service-crash-loop', summary, log: end.log };
      }
      const waits = end.waitingFor === undefined ? '' : ` (waiting for: ${end.waitingFor})`;
      const summary = `the service ${end.service} missed the deadline of its readiness at ${end.uptime.toFixed(1)} s${waits}.${killed(end.service, progress)}`;
      return { code: 'service-late', summary, log: end.log };
    }
    case 'fatal':
      return { code: end.code, summary: end.message, log: '' };
    case 'panic':
      return { code: 'kernel-panic', summary: `the guest's kernel gave up: ${end.line}`, log: '' };
    case 'no-event-port': {
      const summary = `its kernel shows no virtio port ${EVENT_PORT.name}, on which the guest says how it fares: it lacks VIRTIO_CONSOLE.`;
      return { code: 'event-port-missing', summary, log: '' };
    }
    case 'qemu-ended':
      return { code: 'qemu-ended', summary: `${monitor} ended ${currentStep(progress)}.`, log: '' };
    case 'held': {
      const summary = `it is ${end.held.text}, ${currentStep(progress)}. ${end.held.hint}`;
      return { code: codeOf(end.held), summary, log: '' };
    }
    case 'no-init': {
      const summary = `the kernel did not reach init within ${deadlines.initMs / 1000} s. ${ran(end.usedSeconds)}`;
      return { code: 'kernel-silent', summary: summary.trimEnd(), log: '' };
    }
    case 'timeout': {
      const seconds = deadlines.bootMs / 1000;
      return { code: 'boot-timeout', summary: `not done within ${seconds} s, ${currentStep(progress)}.`, log: '' };
    }
    case 'booted':
      return { code: 'boot-failed', summary: 'booted, but not reached from this host.', log: '' };
  }
}

/** What the processor time of its monitor tells: a guest that is slow or turns in a circle, or one that never began. */
function ran(usedSeconds: number | undefined): string {
  if (usedSeconds === undefined) return '';
  const meaning = usedSeconds < 3 ? 'the guest hardly ran' : 'the guest ran, and said nothing';
  return `Its monitor took ${usedSeconds.toFixed(1)} s of processor time: ${meaning}.`;
}

/** A sentence more for a service that had no memory. */
function killed(service: string, { services }: BootProgress): string {
  const { outOfMemory } = services.get(service) ?? {};
  return outOfMemory === undefined ? '' : ` It ${killedText(outOfMemory)}.`;
}

async function lastLines(path: string, host: Host): Promise<string[]> {
  const log = host.log(path);
  const last: string[] = [];
  for await (const line of log.lines()) {
    last.push(line);
    if (last.length > LOG_TAIL_LINES) last.shift();
  }
  await log.close();
  return last;
}

function section(title: string, text: string): string {
  const lines = text.trimEnd().split('\n').slice(-LOG_TAIL_LINES);
  return text.trim() === '' ? '' : `${title}:\n${lines.map((line) => `    ${line}`).join('\n')}`;
}
