export interface ProcessStat {
  readonly pid: number;
  /** One letter; Z is a zombie (proc_pid_stat(5)). */
  readonly state: string;
  /** Clock ticks from the start of the system to the start of the process: field 22. */
  readonly startTime: number;
}

/** Reads /proc/PID/stat: `PID (NAME) STATE ... STARTTIME`; NAME may hold spaces and parentheses. */
export function processStat(text: string): ProcessStat {
  const fields = statFields(text);
  return { pid: Number.parseInt(text, 10), state: fields[0] ?? '', startTime: Number(fields[19]) };
}

/** USER_HZ, which is 100 on every processor that Linux runs on here (proc_pid_stat(5), time(7)). */
const TICKS_PER_SECOND = 100;

/** Seconds of processor time that a process has taken so far, by user and system; undefined where /proc/PID/stat has none, since it has ended. */
export function usedSecondsIn(text: string): number | undefined {
  const fields = statFields(text);
  // utime and stime are the 14th and the 15th there.
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isNaN(ticks) ? undefined : ticks / TICKS_PER_SECOND;
}

/** The fields of /proc/PID/stat after the name: the first is the third there. */
export function statFields(text: string): string[] {
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}
