import { GUEST, GUEST_SEARCH_PATH } from '../core/guest-paths.ts';
import type { Evidence, Vantage } from './report.ts';

/** A command that was run, and what it said on both outputs. */
export interface Observation {
  readonly vantage: Vantage;
  readonly command: string;
  readonly output: string;
  readonly exitCode: number;
}

/** Where such a script runs. */
interface Place {
  /** A shell's assignment of PATH, or nothing where that is right already. */
  readonly path: string;
  /** Makes a prefix of file names for what the commands said. */
  readonly make: string;
  readonly remove: string;
}

/** A machine's own folder for such things is root's. */
export const IN_GUEST: Place = {
  path: `PATH='${GUEST_SEARCH_PATH}'`,
  make: `d=${GUEST.own}/look-$$.`,
  remove: 'rm -f "$d"*',
};
export const ON_HOST: Place = {
  path: 'PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin',
  make: 't=$(mktemp -d) && d=$t/ || exit 70',
  remove: 'rm -rf "$t"',
};

/**
 * A script for sh that runs all commands at the same time and prints what each said, in their order, as soon as it is known: what is asked first is known where
 * something later hangs. One login and one round trip for all of them, and few processes: each costs
 * up to 100 ms in a guest without KVM, so files are read by the shell itself. The values of `commands` are shell text of vmkit's own.
 */
export function observeScript(
  commands: Readonly<Record<string, string>>,
  { path, make, remove }: Place = IN_GUEST,
): string {
  const runs = Object.entries(commands).map(
    ([id, command], index) => `{ { ${command}\n} >"$d"${id} 2>&1 </dev/null; echo $? >"$d"${id}.exit; } & p${index}=$!`,
  );
  const tells = Object.keys(commands).map((id, index) => `wait $p${index}; tell ${id}`);
  return `${path}
cat() {
  for file; do
    if [ ! -e "$file" ]; then echo "cat: $file: No such file or directory" >&2; return 1; fi
    while IFS= read -r line || [ -n "$line" ]; do printf '%s\\n' "$line"; done <"$file"
  done
}
tell() {
  for id in $1 $1.exit; do
    printf '==> %s <==\\n' "$id"
    cat "$d$id"
    echo
  done
}
${make}
${runs.join('\n')}
${tells.join('\n')}
{ ${remove}; } >/dev/null 2>&1 &
`;
}

/** What such a script printed, by id, each behind `==> ID <==`. An id that is not there did not run. */
export function readObservations(
  printed: string,
  commands: Readonly<Record<string, string>>,
  vantage: Vantage,
): ReadonlyMap<string, Observation> {
  const files = new Map<string, string>();
  for (const part of printed.split(/^==> (?=\S+ <==$)/m).slice(1)) {
    const [, id] = /^(\S+) <==\n/.exec(part) ?? [];
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
