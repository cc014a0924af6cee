/** Releases of Debian that a guest's packages may come from, the oldest first, with what differs between them. */
const SUITE_FACTS = {
  /** `llvm` is what its PostgreSQL's JIT depends on. */
  bookworm: { postgres: 15, llvm: 'libllvm14' },
  trixie: { postgres: 17, llvm: 'libllvm19' },
  forky: { postgres: 18, llvm: undefined },
} as const;

export type Suite = keyof typeof SUITE_FACTS;

export const SUITES: readonly ['bookworm', 'trixie', 'forky'] = ['bookworm', 'trixie', 'forky'];

/** What guests have unless they say otherwise, and what kernels and programs for this computer come from. */
export const DEBIAN_SUITE: Suite = 'trixie';

/** The major version of PostgreSQL that a release has. */
export function postgresOf(suite: Suite): number {
  return SUITE_FACTS[suite].postgres;
}

/** The release that has this major version of PostgreSQL; undefined: none that vmkit knows. */
export function suiteWithPostgres(version: number): Suite | undefined {
  return SUITES.find((suite) => postgresOf(suite) === version);
}

/** The library of 160 MB that PostgreSQL's packages of a release depend on, for a JIT that is off. */
export function llvmOf(suite: Suite): string | undefined {
  return SUITE_FACTS[suite].llvm;
}
