import type { Host } from '../../src/host/host.ts';

/** A host on which vmkit is killed: `at` counts the moments before and after each command and each write; then nothing works. */
export function dyingHost(host: Host, at: number): Host {
  let moment = 0;
  const step = (): void => {
    if (moment++ >= at) throw new Error('killed');
  };
  const around = async <T>(work: () => Promise<T>): Promise<T> => {
    step();
    const result = await work();
    step();
    return result;
  };
  return {
    ...host,
    exec: (argv, options) => around(() => host.exec(argv, options)),
    write: (path, content, mode) => around(() => host.write(path, content, mode)),
  };
}
