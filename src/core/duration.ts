import { VmkitError } from './errors/errors.ts';

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/** Seconds of `90s`, `10m`, `1h`, `30d`. `option` is named in the error. Throws `bad-usage`. */
export function durationSeconds(option: string, text: string): number {
  const [, count, unit] = /^([1-9]\d{0,8})([smhd])$/.exec(text) ?? [];
  if (unit === 's' || unit === 'm' || unit === 'h' || unit === 'd') return Number(count) * SECONDS[unit];
  throw new VmkitError('usage', 'bad-usage', `${option} ${text}: expected a duration, such as 90s, 10m, 1h or 30d.`);
}
