/** Why something is not as it was asked for: a sentence, and why that is so in turn. */
export interface Reason {
  readonly text: string;
  readonly below: readonly Reason[];
}

export function reason(text: string, below: readonly Reason[] = []): Reason {
  return { text, below };
}

/** One line a reason, indented by two spaces a level. */
export function printReasons(reasons: readonly Reason[], indent = ''): readonly string[] {
  return reasons.flatMap(({ text, below }) => [`${indent}${text}`, ...printReasons(below, `${indent}  `)]);
}
