import type { Service } from '../../src/spec/service.ts';
import { implicitServices } from '../../src/spec/services/registry.ts';
import type { VmSpec } from '../../src/spec/vm-spec.ts';

/** A machine with these services, and vmkit's own. */
export function specWith(name: string, services: readonly Service[]): VmSpec {
  return {
    name,
    arch: 'x86_64',
    cpus: 2,
    memoryMib: 512,
    dataMib: 1024,
    kernel: { kind: 'auto' },
    suite: 'trixie',
    packages: [],
    needs: [],
    network: { kind: 'user', world: 'internet', hostAccess: [] },
    services: [...implicitServices(), ...services],
    directory: '/nowhere',
  };
}

/** A service of one's own, with only what a test is about. */
export function ownService(change: Partial<Service> & Pick<Service, 'name'>): Service {
  return {
    needs: [],
    packages: [],
    components: [],
    user: change.name,
    capabilities: [],
    env: {},
    setup: undefined,
    run: 'exec sleep infinity\n',
    ready: { check: 'true\n', everyMs: 100, withinSeconds: 30 },
    afterReady: undefined,
    stop: { signal: 'TERM', withinSeconds: 10 },
    files: [],
    secrets: [],
    ports: [],
    ...change,
  };
}
