import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type LineCounter, type Node } from 'yaml';
import { type Finding, type Problem, pathText, type YamlPath } from '../problem.ts';

/** A place in the document: what a path leads to, or how far it leads. */
interface Place {
  readonly key: Node | undefined;
  readonly value: Node | undefined;
  readonly isMissing: boolean;
}

/** The findings with line, column and what is written there, in the order of the text. */
export function placeFindings(findings: readonly Finding[], document: Document, lines: LineCounter): Problem[] {
  return findings
    .map((finding) => place(finding, document, lines))
    .sort((a, b) => a.line - b.line || a.column - b.column);
}

function place(finding: Finding, document: Document, lines: LineCounter): Problem {
  const at = find(finding.path, document);
  const node = finding.atKey === true ? (at.key ?? at.value) : (at.value ?? at.key);
  const { line, col } = lines.linePos(node?.range?.[0] ?? 0);
  const found = at.isMissing ? undefined : describe(at.value, document);
  const composed = at.isMissing
    ? `missing; expected ${finding.expected}`
    : `expected ${finding.expected}; found ${found}`;
  return {
    line: Math.max(1, line),
    column: Math.max(1, col),
    path: pathText(finding.path),
    message: finding.message ?? composed,
    expected: finding.expected,
    found,
    hint: finding.hint,
    severity: finding.isWarning === true ? 'warning' : 'error',
  };
}

function find(path: YamlPath, document: Document): Place {
  let at: Place = { key: undefined, value: nodeOf(document.contents), isMissing: false };
  for (const part of path) {
    const parent = resolved(at.value, document);
    if (isMap(parent)) {
      const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (pair === undefined) return { ...at, isMissing: true };
      at = { key: nodeOf(pair.key), value: nodeOf(pair.value), isMissing: false };
    } else if (isSeq(parent) && typeof part === 'number' && part < parent.items.length) {
      at = { key: undefined, value: nodeOf(parent.items[part]), isMissing: false };
    } else {
      return { ...at, isMissing: true };
    }
  }
  return at;
}

/** What is written there, short: 768, "text", `{ name, run }`, a list of 3. */
function describe(value: Node | undefined, document: Document): string {
  const node = resolved(value, document);
  if (isMap(node)) {
    const keys = node.items.map(({ key }) => (isScalar(key) ? String(key.value) : '?'));
    return keys.length === 0
      ? 'an empty mapping'
      : `{ ${keys.slice(0, 8).join(', ')}${keys.length > 8 ? ', ...' : ''} }`;
  }
  if (isSeq(node)) return node.items.length === 0 ? 'an empty list' : `a list of ${node.items.length}`;
  if (!isScalar(node) || node.value === null) return 'nothing';
  const text = typeof node.value === 'string' ? JSON.stringify(node.value) : (node.source ?? String(node.value));
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

function resolved(node: Node | undefined, document: Document): Node | undefined {
  return isAlias(node) ? nodeOf(node.resolve(document)) : node;
}

function nodeOf(value: unknown): Node | undefined {
  return isNode(value) ? value : undefined;
}
