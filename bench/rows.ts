import { homedir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { type Row, vmkit } from './measure.ts';

export const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'vmkit');
const kernelResult = z.object({ kernel: z.string(), bytes: z.number(), buildMs: z.number() });

export const row = (what: string, value: number, limit: number, show: (value: number) => string, how: string): Row => ({
  what,
  measured: show(value),
  reach: `<= ${show(limit)}`,
  met: value <= limit,
  how,
});
export const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
export const ratio = (value: number): string => `${value.toFixed(2)} x`;

/** `vmkit build-kernel`, and what it says. */
export async function kernel(
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<z.infer<typeof kernelResult>> {
  return kernelResult.parse(JSON.parse((await vmkit(['build-kernel', ...args], env)).stdout));
}
