import { VmkitError } from '../core/errors/errors.ts';

/** Letters of `--keep`, as restic-forget(1) has them. */
const UNITS = { h: 'hourly', d: 'daily', w: 'weekly', m: 'monthly', y: 'yearly' } as const;

const isUnit = (letter: string): letter is keyof typeof UNITS => letter in UNITS;

/** `7d4w12m`: the last backup of each of 7 days, 4 weeks and 12 months, as options of `restic forget`. Throws `bad-usage`. */
export function parseKeep(text: string): readonly string[] {
  const parts = [...text.matchAll(/(\d+)([a-z])/g)].map(([whole, count = '', letter = '']) => ({
    whole,
    count,
    letter,
  }));
  const isRead = parts.length > 0 && parts.map(({ whole }) => whole).join('') === text;
  const letters = new Set(parts.map(({ letter }) => letter));
  const options = parts.flatMap(({ count, letter }) =>
    isUnit(letter) && Number(count) > 0 ? [`--keep-${UNITS[letter]}`, String(Number(count))] : [],
  );
  if (isRead && letters.size === parts.length && options.length === 2 * parts.length) return options;
  throw new VmkitError('usage', 'bad-usage', `--keep ${text}: expected numbers of h, d, w, m or y.`, {
    hint: 'The last backup of each of 7 days, 4 weeks and 12 months: --keep 7d4w12m',
  });
}
