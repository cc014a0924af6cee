import type { Looked } from '../checks/check.ts';
import type { HopId } from '../report.ts';
import type { HostFacts } from './host-facts.ts';

/** One layer of this computer as a node. `look` is undefined where there is nothing to look at. */
export interface HostCheck {
  readonly id: string;
  readonly title: string;
  readonly hop: HopId;
  readonly look: (facts: HostFacts) => Looked | undefined;
}
