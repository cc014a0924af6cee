import * as z from 'zod';
import { messageOf } from '../core/errors/errors.ts';
import { machinePaths } from '../core/paths.ts';
import { parseJson } from '../core/text/json.ts';
import { readText } from '../host/read-text.ts';
import { type MachineCondition, type MachineStatus, machineStatus } from '../machine/follow/status.ts';
import { restartUnit } from './autostart.ts';
import { definitionOfMachine } from './backup/own-services.ts';
import type { VerbContext } from './step.ts';

export interface Health {
  readonly name: string;
  readonly condition: MachineCondition;
  readonly isWell: boolean;
  /** For people: `forge is degraded: postgres unready`. */
  readonly text: string;
  /** It was restarted now. */
  readonly isRestarted: boolean;
}

/** Of a machine that is not well; all times are ISO 8601. */
const recordSchema = z.object({
  since: z.iso.datetime(),
  /** What was told last. */
  told: z.string().optional(),
  restartedAt: z.iso.datetime().optional(),
});
type HealthRecord = z.infer<typeof recordSchema>;

const WELL: readonly MachineCondition[] = ['running', 'off', 'suspended', 'booting', 'stopping'];
/** What a restart may mend. The guest itself starts a silent service anew after two minutes. */
const MENDABLE: readonly MachineCondition[] = ['degraded', 'failed'];
const MINUTE_MS = 60_000;
const RESTART_AFTER_MS = 10 * MINUTE_MS;
const RESTART_EVERY_MS = 60 * MINUTE_MS;
const TOLD_WITHIN_MS = 30_000;

/**
 * Looks how a machine fares, and tells those who want to know when that changes: the URL of its definition, and the command in `command`, which has it in variables. A machine
 * that systemd starts and that is not well for ten minutes is restarted, once an hour at most.
 */
export async function lookAfter(name: string, command: string | undefined, context: VerbContext): Promise<Health> {
  const { healthFile } = machinePaths(context.paths, name);
  const { host } = context;
  const status = await machineStatus(name, context);
  const { condition } = status;
  const isWell = WELL.includes(condition);
  const before = parseJson(await readText(healthFile, host), recordSchema);
  const now = new Date();
  const record: HealthRecord = { since: now.toISOString(), ...before };
  const text = healthText(status);
  const health: Health = { name, condition, isWell, text, isRestarted: false };
  // One that was well all the time is nobody's news.
  if (isWell && before === undefined) return health;
  const isNews = before?.told !== text && (!isWell || condition === 'running');
  const told = isNews && (await tell(health, command, context)) ? text : before?.told;
  if (isWell) {
    if (condition === 'running' && (told === text || before?.told === undefined)) await host.remove(healthFile);
    return health;
  }
  const isRestarted = isDue(condition, record, now) && (await restartUnit(name, context));
  const restartedAt = isRestarted ? now.toISOString() : record.restartedAt;
  await host.write(healthFile, `${JSON.stringify({ ...record, told, restartedAt })}\n`, 0o600);
  return { ...health, isRestarted };
}

/** Pure: whether a machine that is not well is restarted now. */
export function isDue(condition: MachineCondition, { since, restartedAt }: HealthRecord, now: Date): boolean {
  const age = (time: string): number => now.getTime() - Date.parse(time);
  if (!MENDABLE.includes(condition) || age(since) < RESTART_AFTER_MS) return false;
  return restartedAt === undefined || age(restartedAt) >= RESTART_EVERY_MS;
}

function healthText({ name, condition, held, services }: MachineStatus & { condition: MachineCondition }): string {
  if (condition === 'running') return `${name} is well`;
  const silent = services.filter(({ state }) => state !== 'ready').map((each) => `${each.name} ${each.state}`);
  const why = held?.text ?? (condition === 'degraded' || condition === 'failed' ? silent.join(', ') : '');
  return `${name} is ${condition}${why === '' ? '' : `: ${why}`}`;
}

/** Whether everybody was reached; who was not is told the next time. */
async function tell(health: Health, command: string | undefined, context: VerbContext): Promise<boolean> {
  const { name, condition, isWell, text } = health;
  const quiet = { ...context, report: () => undefined };
  // A definition that is being written tells nobody; the command does.
  const definition = await definitionOfMachine(name, quiet).catch((error: unknown) => {
    context.report({ kind: 'note', text: messageOf(error) });
    return undefined;
  });
  const url = definition?.notify;
  const ways: Promise<void>[] = [];
  if (url !== undefined) ways.push(post(url, { machine: name, condition, isWell, text }));
  if (command !== undefined && command !== '') ways.push(run(command, health, context));
  const outcomes = await Promise.allSettled(ways);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') context.report({ kind: 'note', text: `Not told: ${messageOf(outcome.reason)}` });
  }
  return outcomes.every(({ status }) => status === 'fulfilled');
}

async function post(url: string, body: object): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TOLD_WITHIN_MS),
  });
  // The URL may hold a secret.
  if (!answer.ok) throw new Error(`${new URL(url).host} answered ${answer.status}.`);
}

async function run(command: string, { name, condition, text }: Health, { builder }: VerbContext): Promise<void> {
  const env = { VMKIT_MACHINE: name, VMKIT_CONDITION: condition, VMKIT_TEXT: text };
  const { exitCode, stderr } = await builder.host.exec(['sh', '-c', command], { withinMs: TOLD_WITHIN_MS, env });
  if (exitCode !== 0) throw new Error(`the command ended with ${exitCode}: ${stderr.trim()}`);
}
