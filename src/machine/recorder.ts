import { access } from 'node:fs/promises';
import { poll } from '../core/deadline.ts';
import type { MachinePaths } from '../core/paths.ts';

/** The descriptors on which QEMU is given its logs: a shell's redirections know single digits only. */
export const LOG_DESCRIPTORS = { console: 8, events: 9 } as const;

const MIB = 1024 * 1024;
/** What a log may hold, in bytes; as much again is kept under the same name with `.1`. */
export const LOG_LIMITS = { console: 4 * MIB, events: MIB / 4, qemu: MIB / 4 } as const;

/** Absolute paths of what the guest prints, of what it says of itself, and of what QEMU says. */
export type Logs = Readonly<Record<keyof typeof LOG_LIMITS, string>>;

/**
 * The command that runs `argv` with its logs recorded, after the pattern of libvirt's virtlogd: each log is a pipe, and `dd` writes it to a file until that has its
 * size (`ulimit -f`, in units of 512 bytes); then the file is renamed and the next one begins. So nothing that a guest says fills the disk. The process that
 * is started becomes `argv`, and its recorders end with it.
 *
 * The guest never waits for a file: while it cannot be written, what comes is lost; once a recorder was killed, the rest is (EPIPE). At a change of files up to
 * one read (4 KiB) is lost. `head -c` was not taken: it keeps back what it has read.
 */
export function recorded(argv: readonly string[], { console, events, qemu }: Logs): string[] {
  return ['sh', '-c', SCRIPT, 'vmkit-recorder', console, events, qemu, ...argv];
}

const SCRIPT = `umask 077
record() {
  trap '' XFSZ
  until (ulimit -f "$2"; exec dd bs=4096 >"$1"); do
    # Its folder is gone.
    [ -e "$1" ] || exec cat >/dev/null
    [ ! -s "$1" ] || mv -f "$1" "$1.1"
  done
  rm -f "$1.pipe"
}
for log in "$1" "$2" "$3"; do
  rm -f "$log" "$log.1" "$log.pipe"
  mkfifo "$log.pipe" || exit 1
done
record "$1" ${LOG_LIMITS.console / 512} <"$1.pipe" >/dev/null 2>&1 &
record "$2" ${LOG_LIMITS.events / 512} <"$2.pipe" >/dev/null 2>&1 &
record "$3" ${LOG_LIMITS.qemu / 512} <"$3.pipe" >/dev/null 2>&1 &
exec ${LOG_DESCRIPTORS.console}>"$1.pipe" ${LOG_DESCRIPTORS.events}>"$2.pipe" >"$3.pipe" 2>&1
shift 3
exec "$@"
`;

/** The logs of a machine in its own folder. */
export function logsOf({ consoleLog, eventsLog, qemuLog }: MachinePaths): Logs {
  return { console: consoleLog, events: eventsLog, qemu: qemuLog };
}

/** Once the recorded process has ended: waits until its last words are in the files. A recorder that was killed is not waited for longer than a moment. */
export async function allRecorded(logs: Logs): Promise<void> {
  const isDone = async (): Promise<true | undefined> => {
    const left = await Promise.all(
      Object.values(logs).map((log) =>
        access(`${log}.pipe`).then(
          () => true,
          () => false,
        ),
      ),
    );
    return left.includes(true) ? undefined : true;
  };
  await poll(isDone, { withinMs: 2_000, everyMs: 20 });
}
