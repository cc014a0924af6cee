import { GUEST_PATH } from '../spec/guest-path.ts';
import type { Evidence, Vantage } from './report.ts';

/** A command that was run, and what it said on both outputs. */
export interface Observation {
  readonly vantage: Vantage;
  readonly command: string;
  readonly output: string;
  readonly exitCode: number;
}

/**
 * A script for sh that runs all commands at the same time and prints what each said. One login and one round trip for all of them, and few processes:
 * each costs time in a guest without KVM. The values of `commands` are shell text of vmkit's own.
 */
export function observeScript(commands: Readonly<Record<string, string>>, path: string = GUEST_PATH): string {
  const runs = Object.entries(commands).map(
    ([id, command]) => `{ { ${command}\n} >$d/${id} 2>&1 </dev/null; echo $? >$d/${id}.exit; } &`,
  );
  return `PATH='${path}'
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
${runs.join('\n')}
wait
tail -v -n +1 $d/*
`;
}

/** What such a script printed, by id: tail(1) puts `==> FILE <==` before each file. An id that is not there did not run. */
export function readObservations(
  printed: string,
  commands: Readonly<Record<string, string>>,
  vantage: Vantage,
): ReadonlyMap<string, Observation> {
  const files = new Map<string, string>();
  for (const part of printed.split(/^==> (?=\S+ <==$)/m).slice(1)) {
    const [, id] = /\/([^/\s]+) <==\n/.exec(part) ?? [];
    if (id !== undefined) files.set(id, part.slice(part.indexOf('\n') + 1).trimEnd());
  }
  const found = Object.entries(commands).flatMap(([id, command]): [string, Observation][] => {
    const exitCode = Number.parseInt(files.get(`${id}.exit`) ?? '', 10);
    if (Number.isNaN(exitCode)) return [];
    return [[id, { vantage, command, output: files.get(id) ?? '', exitCode }]];
  });
  return new Map(found);
}

export function toEvidence({ vantage, command, output }: Observation): Evidence {
  return { vantage, command, output };
}
