import type * as z from 'zod';

/** What a text holds; undefined for what is no JSON. */
export function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The same, if it has this shape; undefined otherwise. */
export function parseJson<T>(text: string | undefined, schema: z.ZodType<T>): T | undefined {
  return text === undefined ? undefined : schema.safeParse(safeJson(text)).data;
}
