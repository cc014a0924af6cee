import { withLock } from '../build/lock.ts';
import { VmkitError } from '../core/errors.ts';
import { machinePaths } from '../core/paths.ts';
import type { Context } from '../host/context.ts';
import { withGuest } from '../machine/guest.ts';
import type { Facts, Target } from '../reach/check.ts';
import { judge } from '../reach/judge.ts';
import type { Verdict } from '../reach/report.ts';
import { exposedLine, parseExposed, planServe } from '../reach/serve-plan.ts';
import type { Served } from '../reach/tailscale-json.ts';
import { EXPOSED_ENTRIES, serveCommand } from '../spec/services/tailscale-serve.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import type { CommandContext } from './command.ts';
import { look } from './probe-flow.ts';
import { runStep } from './steps.ts';

export interface Exposed {
  readonly machine: string;
  readonly service: string;
  readonly way: Verdict['way'];
  /** What a person types at a peer. */
  readonly address: string;
  /** From the peer's dial to the first byte; undefined where nobody looked from a peer. */
  readonly firstByteMs: number | undefined;
  /** False: it was there already. */
  readonly isNew: boolean;
}

/** The ways that a serve entry in the guest opens, whichever networking tailscaled has. */
const GUEST_WAYS: readonly Verdict['way'][] = ['guest-serve-tun', 'guest-serve-userspace'];

/** Serves a port of a machine in its tailnet, and tries it: the entry is kept on the data disk. Throws `not-exposed`, with the finding. */
export async function expose(spec: VmSpec, target: Target, context: CommandContext): Promise<Exposed> {
  const { lock } = machinePaths(context.paths, spec.name);
  return withLock(lock, `vmkit expose ${spec.name}`, context, async () => {
    const before = await look(spec, target, 'none', context);
    requireNothingElse(before);
    const entry = planServe(before);
    const isNew = !isServed(before, entry);
    if (isNew) {
      const run = (inner: Context): Promise<void> => addEntry(spec.name, entry, inner);
      await runStep({ title: `serves ${entry.as} ${entry.port} → ${entry.to} in ${spec.name}`, run }, context);
    }
    const after = judge(await look(spec, target, undefined, context));
    const way = after.find(({ way, state }) => GUEST_WAYS.includes(way) && state !== 'unavailable');
    if ((way?.state !== 'works' && way?.state !== 'untried') || way.address === undefined)
      throw notExposed(target, way);
    const { address, firstByteMs } = way;
    return { machine: spec.name, service: target.name, way: way.way, address, firstByteMs, isNew };
  });
}

/** Takes back what `expose` added: the entry, and its line on the data disk. Entries of the definition stay. */
export async function unexpose(spec: VmSpec, target: Target, context: CommandContext): Promise<readonly Served[]> {
  const { lock } = machinePaths(context.paths, spec.name);
  return withLock(lock, `vmkit unexpose ${spec.name}`, context, async () =>
    withGuest(spec.name, context, async (guest) => {
      const entries = parseExposed(await textOf(guest, EXPOSED_ENTRIES));
      const removed = entries.filter(({ to }) => to === target.port);
      for (const { as, port } of removed) await must(guest, ['tailscale', 'serve', `--${as}=${port}`, 'off']);
      const rest = entries.filter(({ to }) => to !== target.port);
      if (removed.length > 0) await guest.write(EXPOSED_ENTRIES, rest.map((each) => `${exposedLine(each)}\n`).join(''));
      return removed;
    }),
  );
}

type Guest = Parameters<Parameters<typeof withGuest>[2]>[0];

/** The line first: killed after it, the next boot serves what was asked for. */
async function addEntry(machine: string, entry: Served, context: Context): Promise<void> {
  await withGuest(machine, context, async (guest) => {
    const there = await textOf(guest, EXPOSED_ENTRIES);
    await guest.write(EXPOSED_ENTRIES, `${there}${exposedLine(entry)}\n`);
    await must(guest, serveCommand(entry).split(' '));
  });
}

async function textOf(guest: Guest, path: string): Promise<string> {
  return Buffer.from((await guest.read(path)) ?? []).toString('utf8');
}

async function must(guest: Guest, argv: readonly string[]): Promise<void> {
  const { exitCode, stdout, stderr } = await guest.exec(argv, { withinMs: 30_000 });
  if (exitCode === 0) return;
  throw new VmkitError(
    'unreachable',
    'serve-refused',
    `${guest.name}: ${argv.join(' ')}: ${(stderr || stdout).trim()}`,
  );
}

function isServed({ guest }: Facts, entry: Served): boolean {
  return guest?.serve?.TCP?.[String(entry.port)] !== undefined;
}

/** What is broken below serve is not mended by serving. */
function requireNothingElse(facts: Facts): void {
  const way = judge(facts).find(({ way, state }) => GUEST_WAYS.includes(way) && state !== 'unavailable');
  if (way === undefined || (way.finding !== undefined && way.finding.cause !== 'serve-not-configured')) {
    throw notExposed(facts.target, way ?? judge(facts)[0]);
  }
}

function notExposed({ machine, name }: Target, verdict: Verdict | undefined): VmkitError {
  const why =
    verdict?.finding === undefined
      ? (verdict?.reason ?? 'no way')
      : `${verdict.finding.title} (${verdict.finding.observed})`;
  return new VmkitError(
    'unreachable',
    'not-exposed',
    `${name} of ${machine} cannot be reached from the tailnet: ${why}.`,
    {
      hint: verdict?.finding?.fix ?? `vmkit probe ${machine}`,
      details: verdict,
    },
  );
}
