import { messageOf, VmkitError } from '../core/errors/errors.ts';
import { GUEST } from '../core/guest-paths.ts';
import type { GuestHost } from '../guest/ssh/guest-host.ts';
import type { Context } from '../host/context.ts';
import type { Service } from '../spec/service.ts';

/** Whether the guest is told to go on; in memory, root's. */
const GO_ON = `${GUEST.own}/go-on`;
/** In seconds: whatever becomes of vmkit, the guest writes again after that. */
const LONGEST_S = 20;
/** What the script ends with where nobody told it to go on in time. */
const TOO_LATE = 75;

/**
 * Flushes the data disk and lets nothing be written to it (fsfreeze(8)) until it is told to go on, or for as long as the longest instant. Reads go on, and what writes
 * waits. It outlives the connection. One that a killed vmkit left is told to go on first.
 */
export function standStill(): string {
  return `trap '' HUP PIPE TERM INT
: >${GO_ON}
sync -f ${GUEST.data}
tries=0
until fsfreeze --freeze ${GUEST.data}; do
  tries=$((tries + 1))
  [ "$tries" -lt 50 ] || exit 1
  sleep 0.1
done
rm -f ${GO_ON}
echo still || :
read -r now _ </proc/uptime
end=$((\${now%%.*} + ${LONGEST_S}))
while [ ! -e ${GO_ON} ] && [ "\${now%%.*}" -lt "$end" ]; do
  sleep 0.02
  read -r now _ </proc/uptime
done
fsfreeze --unfreeze ${GUEST.data}
[ -e ${GO_ON} ] || exit ${TOO_LATE}
`;
}

/**
 * Runs `work` at an instant at which all that was written is on the data disk, and nothing more is written. Before, services are asked to make themselves ready
 * for it, and told afterwards, whatever happened. Throws `not-still`.
 */
export async function atInstant(
  guest: GuestHost,
  services: readonly Pick<Service, 'name' | 'backup'>[],
  context: Context,
  work: () => Promise<void>,
): Promise<void> {
  const told: (typeof services)[number][] = [];
  try {
    for (const service of services) {
      told.unshift(service);
      await hook(guest, service, 'before', context.signal);
    }
    await whileStill(guest, work);
  } finally {
    const after = await Promise.allSettled(told.map((service) => hook(guest, service, 'after')));
    for (const outcome of after)
      if (outcome.status === 'rejected') context.report({ kind: 'note', text: messageOf(outcome.reason) });
  }
}

async function whileStill(guest: GuestHost, work: () => Promise<void>): Promise<void> {
  let begun = (): void => undefined;
  const still = new Promise<undefined>((resolve) => {
    begun = () => resolve(undefined);
  });
  const ended = guest.exec(['sh', '-c', standStill()], {
    withinMs: 120_000,
    onLine: (line) => {
      if (line === 'still') begun();
    },
  });
  ended.catch(() => undefined);
  const early = await Promise.race([still, ended]);
  if (early !== undefined) throw notStill(guest, early.stderr.trim());
  await work().finally(() => guest.exec(['sh', '-c', `: >${GO_ON}`], { withinMs: 60_000 }));
  const { exitCode, stderr } = await ended;
  if (exitCode === 0) return;
  throw notStill(guest, exitCode === TOO_LATE ? `the copy did not begin within ${LONGEST_S} s` : stderr.trim());
}

function notStill({ name }: GuestHost, why: string): VmkitError {
  return new VmkitError('boot', 'not-still', `${name} did not stand still for a copy of its disk: ${why}.`, {
    hint: 'It goes on as before. Try again when this computer has less to do.',
  });
}

async function hook(
  guest: GuestHost,
  { name, backup }: Pick<Service, 'name' | 'backup'>,
  which: 'before' | 'after',
  signal?: AbortSignal,
): Promise<void> {
  const script = backup?.[which];
  if (script === undefined) return;
  const { exitCode, stdout, stderr } = await guest.exec(['sh', '-euc', script], { withinMs: 600_000, signal });
  if (exitCode === 0) return;
  const said = `${stdout}\n${stderr}`.trim().split('\n').slice(-5).join('\n');
  throw new VmkitError(
    'boot',
    'backup-hook-failed',
    `The script backup.${which} of ${name} ended with ${exitCode}: ${said}`,
    {
      hint: `Try it by hand: vmkit shell ${guest.name}`,
    },
  );
}
