import * as z from 'zod';

const SIZE = /^([1-9]\d*)(MiB|GiB)$/;
const DURATION = /^([1-9]\d*)(ms|s|m)$/;

/**
 * What a key expects, and a hint after a line break: the form in which messages travel through zod to `problem.ts`.
 */
export function expected(what: string, hint?: string): string {
  return hint === undefined ? what : `${what}\n${hint}`;
}

const portError = 'a port, 1 to 65535';

export const port = z.int({ error: portError }).min(1, portError).max(65535, portError);

/** `768MiB` or `4GiB`, as MiB. A bare number is refused: nobody knows whether it is bytes or MiB. */
export function size(leastMib: number) {
  const error = ({ input }: { input?: unknown }): string => {
    const digits = /^(\d+) *(?:M|MB|m|mb|Mi|G|GB|g|gb|Gi)?$/.exec(String(input))?.[1];
    const unit = /G/i.test(String(input)) ? 'GiB' : 'MiB';
    return expected('a size with its unit, MiB or GiB', digits === undefined ? undefined : `Write ${digits}${unit}.`);
  };
  return z
    .string({ error })
    .regex(SIZE, { error })
    .transform(mibOf)
    .refine((mib) => mib >= leastMib, { error: expected(`at least ${leastMib}MiB`) })
    .meta({ title: 'size' });
}

/** `500ms`, `60s` or `5m`, as milliseconds. */
export function duration() {
  const error = ({ input }: { input?: unknown }): string =>
    expected('a duration: 500ms, 60s or 5m', /^\d+$/.test(String(input)) ? `Write ${input}s for seconds.` : undefined);
  return z.string({ error }).regex(DURATION, { error }).transform(msOf).meta({ title: 'duration' });
}

function mibOf(text: string): number {
  const [, digits, unit] = SIZE.exec(text) ?? [];
  return Number(digits) * (unit === 'GiB' ? 1024 : 1);
}

function msOf(text: string): number {
  const [, digits, unit] = DURATION.exec(text) ?? [];
  return Number(digits) * (unit === 'm' ? 60_000 : unit === 's' ? 1000 : 1);
}
