import * as z from 'zod';
import { nearest } from '../../core/text/nearest.ts';
import type { Finding, YamlPath } from '../problem.ts';

type Checked<T> =
  | { readonly value: T; readonly findings: readonly [] }
  | { readonly value: undefined; readonly findings: readonly Finding[] };

/** Parses a value, and says what is wrong with it in words that fit a definition. `at` is where the value stands in the file. */
export function check<S extends z.ZodType>(schema: S, value: unknown, at: YamlPath): Checked<z.output<S>> {
  const parsed = schema.safeParse(value, { error: words });
  if (parsed.success) return { value: parsed.data, findings: [] };
  let jsonSchema: unknown;
  const keys = (path: readonly PropertyKey[]): string[] => {
    jsonSchema ??= z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
    return keysAt(path, jsonSchema);
  };
  return { value: undefined, findings: parsed.error.issues.flatMap((issue) => findingsOf(issue, keys, at)) };
}

type KnownKeys = (path: readonly PropertyKey[]) => readonly string[];

function findingsOf(issue: z.core.$ZodIssue, keys: KnownKeys, at: YamlPath): Finding[] {
  const path = [...at, ...issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))];
  if (issue.code === 'unrecognized_keys') {
    const known = keys(issue.path);
    return issue.keys.map((key) => ({
      path: [...path, key],
      atKey: true,
      message: 'unknown key',
      hint: keyHint(key, known),
    }));
  }
  if (issue.code === 'invalid_key') {
    return [{ path, atKey: true, message: `the key is not ${issue.issues[0]?.message ?? 'valid'}` }];
  }
  if (issue.code === 'invalid_union') {
    // Of the alternatives, the one that is of the kind that was written: a text or a group.
    const [meant, ...others] = issue.errors.filter((alternative) => !alternative.some(isOfAnotherKind));
    if (meant !== undefined && others.length === 0) {
      return meant.flatMap((inner) => findingsOf({ ...inner, path: [...issue.path, ...inner.path] }, keys, at));
    }
  }
  const [expected, ...hint] = issue.message.split('\n');
  return [{ path, expected, hint: hint.length === 0 ? undefined : hint.join('\n') }];
}

function isOfAnotherKind({ code, path }: z.core.$ZodIssue): boolean {
  return code === 'invalid_type' && path.length === 0;
}

/** What zod expects, where the schema has no words of its own. */
function words(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPE_WORDS[issue.expected] ?? issue.expected;
    case 'invalid_value': {
      const values = issue.values.map(String);
      const meant = nearest(String(issue.input), values);
      return `${values.length === 1 ? '' : 'one of '}${values.join(', ')}${meant === undefined ? '' : `\nDid you mean ${meant}?`}`;
    }
    case 'too_small':
      return `at least ${issue.minimum}${LENGTH_WORDS[issue.origin] ?? ''}`;
    case 'too_big':
      return `at most ${issue.maximum}${LENGTH_WORDS[issue.origin] ?? ''}`;
    case 'invalid_format':
      return issue.pattern === undefined ? `a valid ${issue.format}` : `text that matches ${issue.pattern}`;
    default:
      return 'something else';
  }
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

const LENGTH_WORDS: Readonly<Record<string, string>> = { string: ' characters', array: ' entries' };

function keyHint(key: string, known: readonly string[]): string | undefined {
  const meant = nearest(key, known);
  if (meant !== undefined) return `Did you mean ${meant}?`;
  return known.length === 0 ? undefined : `Known keys: ${known.join(', ')}.`;
}

/** The keys that a schema knows at a path: asked of its JSON schema, which has only two kinds of steps. */
function keysAt(path: readonly PropertyKey[], jsonSchema: unknown): string[] {
  let node = jsonSchema;
  for (const part of path)
    node = typeof part === 'number' ? field(node, 'items') : field(field(node, 'properties'), part);
  const alternatives = field(node, 'anyOf');
  return [node, ...(Array.isArray(alternatives) ? alternatives : [])].flatMap((each) => {
    const properties = field(each, 'properties');
    return typeof properties === 'object' && properties !== null ? Object.keys(properties) : [];
  });
}

function field(node: unknown, name: PropertyKey): unknown {
  return typeof node === 'object' && node !== null ? Object.getOwnPropertyDescriptor(node, name)?.value : undefined;
}
