import { basename } from 'node:path';
import type { TestSpecification } from 'vitest/node';
import { BaseSequencer } from 'vitest/node';

/** What took longer than three minutes in a cold run, longest first: begun last, one of them would leave the other lane without work. */
const LONGEST = ['tailnet', 'forgejo', 'faults', 'backup', 'hardening', 'isolation', 'sql', 'wireguard', 'nebula'];

/** Begins with the longest files; the others keep vitest's order. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.indexOf(basename(moduleId, '.test.ts'));
      return at < 0 ? LONGEST.length : at;
    };
    return (await super.sort(files)).sort((one, other) => place(one) - place(other));
  }
}
