/** Where the `$(` at `start` is closed: the index after its parenthesis; the end of the line where it is not. */
export function endOfMacro(line: string, start: number): number {
  let depth = 0;
  for (let at = start + 1; at < line.length; at++) {
    if (line[at] === '(') depth++;
    if (line[at] === ')' && --depth === 0) return at + 1;
  }
  return line.length;
}

/**
 * Replaces `$(NAME)` by the variable's value. Functions such as `$(cc-option,-m64)` and unknown names stay as they are: what they
 * would run is for Kconfig itself (Documentation/kbuild/kconfig-macro-language.rst).
 */
export function expandVariables(line: string, variables: ReadonlyMap<string, string>): string {
  if (!line.includes('$(')) return line;
  return line.replace(/\$\(([\w-]+)\)/g, (whole, name: string) => variables.get(name) ?? whole);
}

/** Takes down `NAME := value`, if it is such a line and needs no shell to know the value. True when it was such a line. */
export function readAssignment(line: string, variables: Map<string, string>): boolean {
  const [, name, value] = /^([\w-]+)\s*[:+]?=\s*(.*)$/.exec(line) ?? [];
  if (name === undefined || value === undefined) return false;
  const expanded = expandVariables(value, variables);
  if (!expanded.includes('$(')) variables.set(name, expanded);
  return true;
}
