import * as z from 'zod';
import { expected } from '../units.ts';

const valueError = expected('a text without line breaks, a number, or true or false');

/** What a person sets in a program's own configuration. */
export const settingValue = z.union(
  [z.string({ error: valueError }).regex(/^[^\r\n\0]*$/, { error: valueError }), z.number(), z.boolean()],
  { error: valueError },
);

export type SettingValue = z.output<typeof settingValue>;

/** Refuses what vmkit sets itself: `owned` has the key, and what says it instead. */
export function refuseOwned(
  keys: readonly (readonly [path: readonly string[], title: string])[],
  owned: Readonly<Record<string, string>>,
  issues: z.core.$ZodRawIssue[],
): void {
  for (const [path, title] of keys) {
    const instead = Object.hasOwn(owned, title) ? owned[title] : undefined;
    if (instead === undefined) continue;
    issues.push({
      code: 'custom',
      path: [...path],
      message: expected(`a setting other than ${title}, which vmkit sets itself`, instead),
      input: title,
    });
  }
}
