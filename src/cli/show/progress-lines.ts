import type { Progress, Report } from '../../core/progress.ts';

const MIB = 1024 * 1024;

/** `412 of 1868 objects`, `12.4 of 48.0 MiB`. */
export function countText({ done, total, unit }: Extract<Progress, { kind: 'count' }>): string {
  const amount = (value: number): string => (unit === 'bytes' ? (value / MIB).toFixed(1) : String(value));
  const of = total === undefined ? amount(done) : `${amount(done)} of ${amount(total)}`;
  return `${of} ${unit === 'bytes' ? 'MiB' : unit}`;
}

/** `0.4 s`, `12 s`, `3 min 04 s`. */
export function durationText(ms: number): string {
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}

/** Progress as plain lines: every phase and note, a count at each tenth of its total. */
export function plainReport(write: (line: string) => void, prefix = ''): Report {
  let lastTenth = 0;
  return (progress) => {
    if (progress.kind !== 'count') {
      lastTenth = 0;
      write(`${prefix}${progress.text}\n`);
      return;
    }
    if (progress.total === undefined || progress.total === 0) return;
    const tenth = Math.floor((10 * progress.done) / progress.total);
    if (tenth > lastTenth) write(`${prefix}${countText(progress)}\n`);
    lastTenth = tenth;
  };
}
