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

/** The fields of /proc/PID/stat after the name: the first is the third there. */
export function statFields(text: string): string[] {
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}
