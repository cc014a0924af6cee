import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../../src/core/package-root.ts';
import type { ProbeReport } from '../../../src/reach/report.ts';
import { useSandbox } from '../../support/machine.ts';
import { isAll } from '../../support/run/sampled.ts';
import { whyNoTailnet } from '../../support/tailnet/tailnet.ts';
import { useTailnet } from '../../support/tailnet/use-tailnet.ts';

const reason = whyNoTailnet() ?? (isAll ? undefined : 'two more kernels are compiled: VMKIT_TEST_ALL=1');
const fragment = (name: string): string => join(packageRoot(), 'kernel-configs', `${name}.config`);

/** Real guests whose kernels lack what Tailscale needs. */
describe.skipIf(reason !== undefined).sequential(`kernels without${reason === undefined ? '' : `: ${reason}`}`, () => {
  const tailnet = useTailnet();
  const sandbox = useSandbox(tailnet.host);

  beforeAll(async () => {
    await sandbox.define('web', definition([]));
    await sandbox.prebuild('web');
  });

  const definition = (fragments: readonly string[]): string => `memory: 384MiB
data: 64MiB
kernel: { profile: ${fragments.length === 0 ? 'default' : 'small'}, fragments: [${fragments.map(fragment).join(', ')}] }
services:
  - name: page
    run: exec /run/vmkit/busybox httpd -f -p 3000 -h /etc
    ready: { tcp: 3000 }
    ports: [{ name: web, port: 3000, protocol: http }]
  - use: tailscale
    loginServer: ${tailnet.loginServer}
    mode: tun
`;

  test.each([
    ['kernel-no-policy-routing', ['tunnels', 'nftables']],
    ['kernel-no-nftables', ['tunnels', 'policy-routing']],
  ])('%s', async (cause, fragments) => {
    await sandbox.define('web', definition(fragments));
    const options = fragments.flatMap((name) => ['--fragment', fragment(name)]);
    const built = await sandbox.vmkit(['build-kernel', '--profile', 'small', ...options], { isOutside: true });
    expect(built.stderr).not.toContain('error:');
    await sandbox.vmkit(['boot', 'web'], { env: { TS_AUTHKEY: `file:${tailnet.keyFile}` } });
    await tailnet.control({ Do: 'key', Key: '' });
    const { stdout } = await sandbox.vmkit(['probe', 'web', '--from', 'none', '--json']);
    const { ways }: ProbeReport = JSON.parse(stdout);
    expect(ways.find(({ way }) => way === 'guest-serve-tun')?.finding?.cause).toBe(cause);
    await sandbox.vmkit(['stop', 'web']);
  });
});
