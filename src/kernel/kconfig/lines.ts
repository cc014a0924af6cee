/** A logical line: continued lines joined, trimmed, with the number of its first one. */
export interface KconfigLine {
  readonly text: string;
  /** Counts from 1. */
  readonly number: number;
}

/** The lines of a Kconfig file that say something: no comments, no help texts (scripts/kconfig/lexer.l). */
export function* kconfigLines(text: string): Generator<KconfigLine> {
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const number = at + 1;
    let line = lines[at] ?? '';
    while (line.endsWith('\\') && at + 1 < lines.length) line = `${line.slice(0, -1)} ${lines[++at] ?? ''}`;
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    if (trimmed === 'help') at = lastLineOfHelp(lines, at);
    else yield { text: trimmed, number };
  }
}

/** A help text goes on as long as its lines are indented like the first one, or more. */
function lastLineOfHelp(lines: readonly string[], helpAt: number): number {
  let indent: number | undefined;
  for (let at = helpAt + 1; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (line.trim() === '') continue;
    indent ??= columnsOfIndent(line);
    if (columnsOfIndent(line) < indent || indent === 0) return at - 1;
  }
  return lines.length;
}

function columnsOfIndent(line: string): number {
  let columns = 0;
  for (const character of line) {
    if (character === '\t') columns = (columns | 7) + 1;
    else if (character === ' ') columns++;
    else break;
  }
  return columns;
}
