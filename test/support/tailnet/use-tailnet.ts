import { afterAll, beforeAll } from 'vitest';
import { NAMESPACES, startTailnet, type Tailnet, whyNoTailnet } from './tailnet.ts';

/** Call it at the top of a test file: a tailnet for its tests. */
export function useTailnet(): Tailnet {
  let started: Awaited<ReturnType<typeof startTailnet>> | undefined;
  const tailnet = (): Tailnet => {
    if (started === undefined) throw new Error('The tailnet is there when the tests begin.');
    return started;
  };
  beforeAll(async () => {
    if (whyNoTailnet() === undefined) started = await startTailnet();
  });
  afterAll(async () => started?.stop());
  return {
    ...NAMESPACES,
    get loginServer() {
      return tailnet().loginServer;
    },
    get keyFile() {
      return tailnet().keyFile;
    },
    join: (member) => tailnet().join(member),
    control: (command) => tailnet().control(command),
  };
}
