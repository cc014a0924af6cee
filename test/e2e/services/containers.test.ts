import { beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../../src/net/tcp.ts';
import { useSandbox } from '../../support/machine.ts';
import { docsExamples } from '../../support/run/docs-examples.ts';
import { isAll } from '../../support/run/sampled.ts';

const [example] = (await docsExamples()).filter(({ place }) => place.startsWith('docs/containers.md'));

/** Builds one image on another, and runs a program there that takes more and more memory. */
const BUILD_AND_FILL = `printf 'FROM page\\nRUN ["/bin/busybox", "mkdir", "/made"]\\n' | podman build -t built -
podman run --rm --memory 24m built /bin/busybox sh -c '/bin/busybox ls -d /made; exec /bin/busybox awk "BEGIN { s = 1; while (1) s = s s }"'
`;

/** A container that lasts, and the API asked by root and by somebody else. curl's 7: it could not connect. */
const START = `mkdir -p /tmp/lasting/bin
cp /run/vmkit/busybox /tmp/lasting/bin
ln -s busybox /tmp/lasting/bin/sleep
tar -C /tmp/lasting -c . | podman import - localhost/lasting:latest
podman run --detach --name lasting localhost/lasting:latest /bin/sleep 10000
ask="curl -q -s --max-time 60 --unix-socket /run/podman/podman.sock http://podman/containers/json"
$ask
echo
s6-setuidgid nobody $ask || echo "nobody: $?"
`;

/** Containers by podman, as docs/containers.md has them. Nothing is fetched from outside. Two boots of a minute each, and a root file system. */
describe.skipIf(!isAll)('a container in a machine (VMKIT_TEST_ALL=1)', () => {
  const sandbox = useSandbox(undefined, { hasOwnKernel: false });
  let port = 0;

  const page = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text();

  beforeAll(async () => {
    port = await freePort();
    const { definition = '' } = example ?? {};
    await sandbox.define(
      'containers',
      definition
        .replace(/^name: .*\n/m, 'network: { kind: user, world: none }\n')
        .replace(/\bhost: \d+/, `host: ${port}`),
    );
  });

  test('is made from files of the machine, and answers by its port', async () => {
    const { exitCode, stderr } = await sandbox.vmkit(['boot', 'containers']);
    expect(stderr).not.toContain('error:');
    expect(exitCode).toBe(0);
    expect(await page()).toBe('Hello from a container!\n');
  });

  test('an image is built upon another, and what needs more memory than its limit is killed alone', async () => {
    const { exitCode, stdout } = await sandbox.vmkit(['exec', 'containers', '--', 'sh', '-c', BUILD_AND_FILL]);
    expect(stdout).toContain('/made');
    expect(exitCode).toBe(137);
    expect(await page()).toBe('Hello from a container!\n');
  });

  test('ends with the machine, by itself, and is there again after the next boot', async () => {
    const { exitCode, stdout } = await sandbox.vmkit(['stop', 'containers', '--within', '300']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.not.stringContaining('not cleanly') });
    expect((await sandbox.vmkit(['boot', 'containers'])).exitCode).toBe(0);
    expect(await page()).toBe('Hello from a container!\n');
  });

  test("`use: podman` speaks Docker's API to root alone, and its containers are stopped with it", async () => {
    await sandbox.define(
      'engine',
      'memory: 768MiB\ndata: 1GiB\nnetwork: { kind: user, world: none }\nservices: [{ use: podman }]\n',
    );
    expect((await sandbox.vmkit(['boot', 'engine'])).exitCode).toBe(0);
    const { stdout } = await sandbox.vmkit(['exec', 'engine', '--', 'sh', '-euc', START]);
    expect(stdout).toMatch(/"Names":\["\/lasting"\][\s\S]*\nnobody: 7$/m);
    const stopped = await sandbox.vmkit(['stop', 'engine']);
    expect(stopped).toMatchObject({ exitCode: 0, stdout: expect.not.stringContaining('not cleanly') });
  });
});
