/**
 * What long work says of itself. Rendering belongs to cli/.
 * - `phase`: what is being done now, replaces the former one.
 * - `count`: done of total, of objects or bytes; total is undefined where nobody knows it.
 * - `note`: a line worth keeping on the screen.
 */
export type Progress =
  | { kind: 'phase'; text: string }
  | { kind: 'count'; done: number; total: number | undefined; unit: 'objects' | 'bytes' }
  | { kind: 'note'; text: string };

export type Report = (progress: Progress) => void;
