/** A line of the report on a phone. */
export interface PhoneRow {
  readonly what: string;
  readonly answer: 'yes' | 'no' | 'cannot tell';
  readonly says: string;
  /** What was asked, and what it said. */
  readonly evidence: string;
  readonly hint?: string | undefined;
}

/** What one build of crosvm said to a machine's command line. */
export interface CrosvmAnswer {
  readonly program: string;
  /** undefined: it said something else. */
  readonly takes: boolean | undefined;
  readonly says: string;
}

/** The way in which machines will run there, what it costs, and what would give a better one. */
export interface PhoneWay {
  readonly way: 'crosvm' | 'avf' | 'none';
  readonly says: string;
  readonly costs: readonly string[];
}

export interface PhoneReport {
  readonly rows: readonly PhoneRow[];
  readonly way: PhoneWay;
}

const LONGEST_EVIDENCE = 90;

/** The first line of an answer, or the one that matters, with the command that gave it. */
export function evidence(command: string, said: string): string {
  const [line = ''] = said.trim().split('\n');
  const text = line.length > LONGEST_EVIDENCE ? `${line.slice(0, LONGEST_EVIDENCE)}...` : line;
  return `${command}: ${text === '' ? '(nothing)' : text}`;
}
