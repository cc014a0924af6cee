import type { DialectName } from '../vmm-facts.ts';
import { type CrosvmPlace, crosvmArgv } from './argv.ts';
import { DIALECTS, type Dialect } from './dialect.ts';

/** A file that no host has. Named as the initramfs, it ends crosvm after it has read its command line and before it touches anything: no TAP, no socket, no log. */
export const NO_FILE = '/nonexistent/vmkit';

type Answer =
  | { readonly takes: true }
  /** In crosvm's own words. */
  | { readonly takes: false; readonly because: string }
  | { readonly takes: undefined; readonly because: string };

/** The command that asks whether a build takes a machine's command line. Its own disks and kernel must exist: Android 13 looks while it parses. */
export function askArgv(machine: Parameters<typeof crosvmArgv>[0], place: CrosvmPlace, dialect: Dialect): string[] {
  const fileOf = (role: string): string => (role === 'initramfs' ? NO_FILE : place.fileOf(role));
  return crosvmArgv(machine, { ...place, fileOf }, dialect);
}

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * What crosvm's end says. 35: it does not take the command line. 1, and it looked for the initramfs: it does. Android 13's build ends with 1 for both: the code 35
 * is younger (crosvm 0bde005ec, August 2022).
 */
export function judgeAnswer({ exitCode, stdout, stderr }: Ended): Answer {
  const said = `${stderr}\n${stdout}`;
  const because = complaintIn(said);
  if (exitCode === 1 && said.includes(NO_FILE)) return { takes: true };
  if (exitCode === 1 || exitCode === 35) return { takes: false, because };
  return { takes: undefined, because: `exit code ${exitCode}: ${because}` };
}

/** Asks in each dialect, the newest first; the first that is taken, or why none is. */
export async function findDialect(
  ask: (dialect: Dialect) => Promise<Ended>,
): Promise<{ readonly dialect: DialectName } | { readonly refusals: readonly string[] }> {
  const refusals: string[] = [];
  for (const dialect of DIALECTS) {
    const answer = judgeAnswer(await ask(dialect));
    if (answer.takes === true) return { dialect: dialect.name };
    refusals.push(`as ${dialect.releases}: ${answer.because}`);
  }
  return { refusals };
}

/** Its first complaint, without the time and place in front of it. */
function complaintIn(said: string): string {
  const lines = said.split('\n').filter((line) => line.trim() !== '');
  const complaint = lines.find((line) => line.includes('ERROR')) ?? lines.at(-1) ?? '';
  return complaint.replace(/^\[[^\]]*\]\s*/, '').trim();
}
