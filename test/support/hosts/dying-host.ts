import type { Host } from '../../../src/host/host.ts';

/**
 * A host on which vmkit is killed: `at` counts the moments before and after each write and each command that `counts`;
 * then nothing works.
 */
export function dyingHost(host: Host, at: number, counts: (argv: readonly string[]) => boolean = () => true): Host {
  let moment = 0;
  const step = (isCounted: boolean): void => {
    if (moment > at || (isCounted && moment++ >= at)) throw new Error('killed');
  };
  const around = async <T>(isCounted: boolean, work: () => Promise<T>): Promise<T> => {
    step(isCounted);
    const result = await work();
    step(isCounted);
    return result;
  };
  return {
    ...host,
    exec: (argv, options) => around(counts(argv), () => host.exec(argv, options)),
    write: (path, content, mode) => around(true, () => host.write(path, content, mode)),
  };
}
