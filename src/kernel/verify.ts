import type { Request } from './fragments.ts';
import type { KconfigTree } from './kconfig.ts';

/** A request that the kernel cannot fulfil, or did not. */
export interface ConfigProblem {
  readonly request: Request;
  /** One sentence: `EROFS_FS=y became n`. */
  readonly message: string;
  /** Why, from the request down to the root cause, an indented tree. */
  readonly reasons: readonly string[];
}

/** Requests for symbols that the tree does not define (for this architecture). Before any make. */
export function checkDefined(requests: readonly Request[], tree: KconfigTree): readonly ConfigProblem[] {
  throw new Error(`stub: ${requests.length} ${tree.folder}`);
}

/** Requests that the final .config (its text) does not hold. After allnoconfig or olddefconfig, before the compiler. */
export function verifyConfig(
  requests: readonly Request[],
  finalConfig: string,
  tree: KconfigTree,
): readonly ConfigProblem[] {
  throw new Error(`stub: ${requests.length} ${finalConfig.length} ${tree.folder}`);
}

/** Throws one `kernel-config-unmet` (kind build) that tells all problems; nothing where there are none. */
export function refuseProblems(problems: readonly ConfigProblem[]): void {
  if (problems.length > 0) throw new Error('stub');
}
