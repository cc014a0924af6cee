import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { poll } from '../../../src/core/deadline.ts';
import { freePort } from '../../../src/net/tcp.ts';
import { useSandbox } from '../../support/machine.ts';

const forgejo = process.env['VMKIT_FORGEJO'];
const runner = process.env['VMKIT_FORGEJO_RUNNER'];
const hasBoth = forgejo !== undefined && runner !== undefined;
if (!hasBoth)
  console.log('Skipped: a runner needs VMKIT_FORGEJO and VMKIT_FORGEJO_RUNNER; neither has a stand-in for jobs.');

/** An image of one program, from the machine itself: nothing is fetched. */
const IMAGE = `mkdir -p /tmp/job/bin /tmp/job/tmp
cp /run/vmkit/busybox /tmp/job/bin
for name in $(/run/vmkit/busybox --list); do [ -e /tmp/job/bin/$name ] || ln -s busybox /tmp/job/bin/$name; done
tar -C /tmp/job -c . | podman import - localhost/job:latest`;
const WORKFLOW = `on: [push]
jobs:
  hello:
    runs-on: docker
    steps:
      - shell: sh
        run: |
          echo "Hello from a job!"
          wget -T 60 -q -O - $GITHUB_SERVER_URL/api/v1/version
          test ! -e /run/podman
`;
const tasks = z.object({
  workflow_runs: z.array(z.object({ name: z.string(), status: z.string() })).nullable(),
});

/** Two real programs in two machines; nothing of it in CI, where neither can be had. */
describe.skipIf(!hasBoth)('a runner of Forgejo in a machine of its own', () => {
  const sandbox = useSandbox(undefined, { hasOwnKernel: false });
  const env = { VMKIT_FORGEJO: forgejo ?? '', VMKIT_FORGEJO_RUNNER: runner ?? '' };
  let port = 0;
  let password = '';

  beforeAll(async () => {
    port = await freePort();
    await sandbox.define(
      'forgejo',
      `memory: 1GiB
data: 2GiB
network: { kind: private, address: 192.168.100.2 }
services:
  - use: postgres
  - use: forgejo
    port: ${port}
    sshPort: ${await freePort()}
    runners: [ci]
`,
    );
    await sandbox.define(
      'ci',
      `memory: 1GiB
data: 2GiB
needs: [forgejo]
network: { kind: private, address: 192.168.100.3, world: none }
services:
  - use: podman
  - use: forgejo-runner
    name: ci
    forgejo: { machine: forgejo, address: 192.168.100.2, port: ${port} }
    labels: ["docker:docker://localhost/job:latest"]
`,
    );
  });

  async function api(method: string, path: string, body?: object): Promise<unknown> {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(`owner:${password}`).toString('base64')}`,
        'content-type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(180_000),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  test('is known to Forgejo once both are up, and runs a job in a container', async () => {
    const { exitCode, stderr } = await sandbox.vmkit(['boot', 'ci'], { env });
    expect(stderr).not.toContain('error:');
    expect(exitCode).toBe(0);
    const file = join(sandbox.machine('forgejo').secretsDir, 'forgejo', 'admin-password');
    password = (await readFile(file, 'utf8')).trim();
    expect((await sandbox.vmkit(['exec', 'ci', '--', 'sh', '-euc', IMAGE])).exitCode).toBe(0);
    await api('POST', '/user/repos', { name: 'job', auto_init: true, default_branch: 'main' });
    await api('POST', '/repos/owner/job/contents/.forgejo/workflows/hello.yml', {
      content: Buffer.from(WORKFLOW).toString('base64'),
      message: 'A job',
      branch: 'main',
    });
    const ended = await poll(
      async () => {
        const { workflow_runs } = tasks.parse(await api('GET', '/repos/owner/job/actions/tasks'));
        const status = workflow_runs?.[0]?.status;
        return status === 'success' || status === 'failure' ? status : undefined;
      },
      { withinMs: 900_000, everyMs: 5000 },
    );
    expect(ended).toBe('success');
  });

  test('is known to Forgejo again after both were off', async () => {
    expect((await sandbox.vmkit(['stop', 'forgejo'])).exitCode).toBe(0);
    const { exitCode, stderr } = await sandbox.vmkit(['boot', 'ci'], { env });
    expect(stderr).not.toContain('error:');
    expect(exitCode).toBe(0);
    const log = (await sandbox.vmkit(['logs', 'ci', 'forgejo-runner'])).stdout;
    expect(log).toContain('declared successfully');
  });
});
