import { describe, expect, test } from 'vitest';
import { freePort } from '../../../src/net/tcp.ts';
import { useSandbox } from '../../support/machine.ts';
import { docsExamples } from '../../support/run/docs-examples.ts';

/**
 * Whole definitions of README.md and docs/, as a reader would try them. Those that need another machine are booted by networks.test.ts, and the one with
 * containers, which takes minutes, by containers.test.ts.
 */
const examples = (await docsExamples()).filter(
  ({ isWhole, needs, place }) => isWhole && needs.length === 0 && !place.startsWith('docs/containers.md'),
);

describe.sequential('an example of README.md or docs/', () => {
  const sandbox = useSandbox();

  test.each(examples)('$name, at $place, boots and answers', async ({ name, definition }) => {
    const port = await freePort();
    // The page's own port may be taken on this host.
    const text = definition.replace(/^name: .*\n/m, '').replace(/\bhost: \d+/, `host: ${port}`);
    await sandbox.define(name, text);
    const { exitCode, stdout, stderr } = await sandbox.vmkit(['boot', name]);
    expect(stderr).not.toContain('error:');
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`http://127.0.0.1:${port}`);
    const path = /\bhttp: http:\/\/127\.0\.0\.1:\d+(\/\S*)/.exec(definition)?.[1] ?? '/';
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(30_000) });
    expect([answer.status, (await answer.text()).trim()]).toEqual([200, expect.stringMatching(/./)]);
    expect((await sandbox.vmkit(['stop', name])).exitCode).toBe(0);
  });
});
