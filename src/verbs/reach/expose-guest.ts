import { VmkitError } from '../../core/errors/errors.ts';
import { parseJson } from '../../core/text/json.ts';
import type { Context } from '../../host/context.ts';
import { readText } from '../../host/read-text.ts';
import { withGuest } from '../../machine/guest.ts';
import { exposedLine, parseExposed, planServe } from '../../reach/changes/serve-plan.ts';
import type { Facts, Target } from '../../reach/facts.ts';
import type { ServeEntry } from '../../spec/service.ts';
import { EXPOSED_ENTRIES, serveCommand } from '../../spec/services/tailscale/tailscale-serve.ts';
import { serveConfig, servedTo } from '../../tailnet/tailscale-json.ts';
import { runStep, type VerbContext } from '../step.ts';

type Guest = Parameters<Parameters<typeof withGuest>[2]>[0];

/** Adds a serve entry in the guest, and a line on its data disk, so that it is there after a reboot; false when one leads to the port already. */
export async function serveInGuest(facts: Facts, context: VerbContext): Promise<boolean> {
  const { machine } = facts.target;
  const entry = planServe(facts);
  if (facts.guest?.serve?.TCP?.[String(entry.port)] !== undefined) return false;
  const title = `serves ${entry.as} ${entry.port} → ${entry.to} in ${machine}`;
  await runStep({ title, run: (inner) => addEntry(machine, entry, inner) }, context);
  return true;
}

/** Takes back what was added for a port, as far as it is still there. Entries of the definition stay. */
export async function unserveInGuest(
  { machine, port: served }: Pick<Target, 'machine' | 'port'>,
  context: Context,
): Promise<readonly ServeEntry[]> {
  return withGuest(machine, context, async (guest) => {
    const entries = parseExposed(await readText(EXPOSED_ENTRIES, guest));
    const removed = entries.filter(({ to }) => to === served);
    const { stdout } = await guest.exec(['tailscale', 'serve', 'status', '--json'], { withinMs: 30_000 });
    const there = servedTo(parseJson(stdout, serveConfig), served).map(({ port }) => port);
    for (const { as, port } of removed) {
      if (there.includes(port)) await must(guest, ['tailscale', 'serve', `--${as}=${port}`, 'off']);
    }
    const rest = entries.filter(({ to }) => to !== served);
    if (removed.length > 0) await writeEntries(rest, guest);
    return removed;
  });
}

/** The line first: killed after it, the next boot serves what was asked for. */
async function addEntry(machine: string, entry: ServeEntry, context: Context): Promise<void> {
  await withGuest(machine, context, async (guest) => {
    const there = await readText(EXPOSED_ENTRIES, guest);
    await writeEntries(parseExposed(`${there}\n${exposedLine(entry)}`), guest);
    await must(guest, serveCommand(entry).split(' '));
  });
}

async function writeEntries(entries: readonly ServeEntry[], guest: Guest): Promise<void> {
  await guest.write(EXPOSED_ENTRIES, entries.map((each) => `${exposedLine(each)}\n`).join(''));
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
