import { poll } from '../../../core/deadline.ts';
import type { MachinePaths } from '../../../core/paths.ts';
import { quoteWord } from '../../../core/text/shell-quote.ts';
import type { Host } from '../../../host/host.ts';

const MIB = 1024 * 1024;
/** What a log may hold, in bytes; as much again is kept under the same name with `.1`. */
export const LOG_LIMITS = { console: 4 * MIB, events: MIB / 4, monitor: MIB / 4 } as const;

/** Absolute paths of what the guest prints, of what it says of itself, and of what the monitor says. */
export type Logs = Readonly<Record<keyof typeof LOG_LIMITS, string>>;

/**
 * Lines for bash that begin to record, after the pattern of libvirt's virtlogd: each log is a pipe, and `dd` writes it to
 * a file until that has its size (`ulimit -f`, in KiB); then the file is renamed and the next one begins. So nothing that
 * a guest says fills the disk. What opens the pipes is recorded, and the recorders end with it. From here on the script's
 * own output is in the monitor's log. `held` are descriptors that must not live on in a recorder.
 *
 * The guest never waits for a file: while it cannot be written, what comes is lost; once a recorder was killed, the rest
 * is (EPIPE). At a change of files up to one read (4 KiB) is lost. `head -c` was not taken: it keeps back
 * what it has read.
 */
export function recordLogs(logs: Logs, held: readonly number[]): string[] {
  const close = held.map((fd) => ` ${fd}<&-`).join('');
  const kinds = (['console', 'events', 'monitor'] as const).map((kind) => ({ kind, path: quoteWord(logs[kind]) }));
  return [
    RECORD,
    // There from the beginning: that nothing was said yet is another thing than a log that is lost.
    ...kinds.flatMap(({ path }) => [`rm -f ${path} ${path}.1 ${path}.pipe`, `: >${path}`, `mkfifo ${path}.pipe`]),
    ...kinds.map(
      ({ kind, path }) => `record ${path} ${LOG_LIMITS[kind] / 1024} <${path}.pipe >/dev/null 2>&1${close} &`,
    ),
    `exec >${quoteWord(logs.monitor)}.pipe 2>&1`,
  ];
}

/** A line that removes what was recorded of the guest before. What the monitor said is kept until the next one speaks. */
export function forgetLogs({ console, events }: Logs): string {
  return `rm -f ${[console, events]
    .flatMap((path) => [path, `${path}.1`])
    .map(quoteWord)
    .join(' ')}`;
}

/** Its folder may be gone by then, or its name another file's: of the next monitor, where this recorder is late. */
const RECORD = `record() {
  trap '' XFSZ
  until (ulimit -f "$2"; exec dd bs=4096 >"$1"); do
    [ -e "$1" ] || exec cat >/dev/null
    [ ! -s "$1" ] || mv -f "$1" "$1.1"
  done
  [ ! "$1.pipe" -ef /proc/self/fd/0 ] || rm -f "$1.pipe"
}`;

/** The logs of a machine in its own folder. */
export function logsOf({ consoleLog, eventsLog, monitorLog }: MachinePaths): Logs {
  return { console: consoleLog, events: eventsLog, monitor: monitorLog };
}

/** Once the recorded process has ended: waits until its last words are in the files. A recorder that was killed is not waited for longer than a moment. */
export async function allRecorded(logs: Logs, host: Host): Promise<void> {
  const isDone = async (): Promise<true | undefined> => {
    const left = await Promise.all(Object.values(logs).map((log) => host.stat(`${log}.pipe`)));
    return left.every((pipe) => pipe === undefined) ? true : undefined;
  };
  await poll(isDone, { withinMs: 2_000, everyMs: 20 });
}
