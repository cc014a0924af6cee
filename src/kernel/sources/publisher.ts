import type { Context } from '../../host/context.ts';
import type { LockedSource } from '../../store/fetch/source-lock.ts';

/** A kernel source whose content is known by its digest; `tree` fetches and unpacks it when that was not done yet. */
export interface KernelSource {
  /** `linux 6.12.48 from kernel.org`. */
  readonly title: string;
  readonly version: string;
  readonly sha256: string;
  readonly verified: string;
  /** Absolute path of a clean source tree. Read only: builds go elsewhere. */
  readonly tree: (context: Context) => Promise<string>;
}

/** Where a tarball is, and what is known of it. */
export interface Tarball extends LockedSource {
  readonly path: string;
}

/** One link of the chain of sources. */
export interface Publisher {
  /** `kernel.org`; what --source names. */
  readonly name: string;
  /** Fetches what is locked, or else the newest of the series, and verifies it. `fresh`: what the cache holds does not count as newest. */
  readonly fetch: (
    locked: LockedSource | undefined,
    context: Context,
    options: { readonly fresh: boolean },
  ) => Promise<Tarball>;
}
