import type { Evidence, Vantage } from './report.ts';

/** A command that was run, and what it said on both outputs. */
export interface Observation {
  readonly vantage: Vantage;
  readonly command: string;
  readonly output: string;
  readonly exitCode: number;
}

const MARK = '@@vmkit-observation';

/**
 * A script for sh that runs all commands at the same time and prints what each said, in order. One login and one round trip for all of them.
 * The values of `commands` are shell text of vmkit's own.
 */
export function observeScript(commands: Readonly<Record<string, string>>): string {
  const ids = Object.keys(commands);
  const runs = ids.map((id) => `{ { ${commands[id]}\n} >$d/${id} 2>&1 </dev/null; echo $? >$d/${id}.exit; } &`);
  return `PATH=/opt/vmkit/bin:/usr/sbin:/usr/bin:/sbin:/bin
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
${runs.join('\n')}
wait
for id in ${ids.join(' ')}; do
  read -r code <$d/$id.exit
  echo "${MARK} $id $code"
  cat $d/$id
  echo
done
`;
}

/** What such a script printed, by id. An id that is not there did not run. */
export function readObservations<Id extends string>(
  printed: string,
  commands: Readonly<Record<Id, string>>,
  vantage: Vantage,
): ReadonlyMap<string, Observation> {
  const found = new Map<string, Observation>();
  const known = new Map<string, string>(Object.entries(commands));
  for (const part of printed.split(`${MARK} `).slice(1)) {
    const [, id = '', code = ''] = /^(\S+) (\d+)\n/.exec(part) ?? [];
    const output = part.slice(part.indexOf('\n') + 1).trimEnd();
    found.set(id, { vantage, command: known.get(id) ?? id, output, exitCode: Number(code) });
  }
  return found;
}

export function toEvidence({ vantage, command, output }: Observation): Evidence {
  return { vantage, command, output };
}
