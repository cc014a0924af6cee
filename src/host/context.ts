import type { Paths } from '../core/paths.ts';
import type { Report } from '../core/progress.ts';
import type { Host } from './host.ts';

/** What effectful work is given: where it runs, where things are kept, how it tells, how it is stopped. */
export interface Context {
  readonly host: Host;
  readonly paths: Paths;
  readonly report: Report;
  readonly signal: AbortSignal;
}
