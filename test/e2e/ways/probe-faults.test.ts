import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useSandbox } from '../../support/machine.ts';
import { isAll } from '../../support/run/sampled.ts';
import { tailscalePrograms } from '../../support/tailnet/programs.ts';
import { whyNoTailnet } from '../../support/tailnet/tailnet.ts';
import { useTailnet } from '../../support/tailnet/use-tailnet.ts';
import { expectTold, type Faulty, faultyWorld } from '../../support/ways/fault-world.ts';
import { FAULTS } from '../../support/ways/faults.ts';

/** How long the probe took: read by `npm run bench -- faults`. */
declare module 'vitest' {
  interface TaskMeta {
    probeMs?: number;
  }
}

const reason = whyNoTailnet() ?? (isAll ? undefined : 'ten minutes of faults: VMKIT_TEST_ALL=1');

/** One machine and one peer, which stay: each fault is put in, told, and taken back. */
describe
  .skipIf(reason !== undefined)
  .sequential(`faults of a tailnet${reason === undefined ? '' : `: ${reason}`}`, () => {
    const tailnet = useTailnet();
    const sandbox = useSandbox(tailnet.host);
    let faulty: Faulty | undefined;
    const world = (): Faulty => {
      if (faulty === undefined) throw new Error('It is made before the tests.');
      return faulty;
    };

    beforeAll(async () => {
      await sandbox.define(
        'web',
        `memory: 384MiB
data: 128MiB
network: { kind: bridge, address: 192.168.100.5 }
services:
  - name: page
    run: exec /run/vmkit/busybox httpd -f -p 3000 -h /etc
    ready: { tcp: 3000 }
    ports: [{ name: web, port: 3000, protocol: http }]
  - use: tailscale
    loginServer: ${tailnet.loginServer}
    serve: [{ as: tcp, port: 8443, to: 3000 }]
`,
      );
      await sandbox.prebuild('web');
      const setup = await sandbox.vmkit(['host', 'setup', '--tap', 'web=192.168.100.5']);
      if (setup.exitCode !== 0) throw new Error(setup.stderr);
      const programs = await tailscalePrograms(sandbox.folder);
      const away = await tailnet.join({ ...programs, namespace: tailnet.peer, hostname: 'away', isTun: true });
      faulty = await faultyWorld(tailnet, sandbox, away);
      const booted = await sandbox.vmkit(['boot', 'web'], { env: { TS_AUTHKEY: `file:${tailnet.keyFile}` } });
      if (booted.exitCode !== 0) throw new Error(booted.stderr);
      await tailnet.control({ Do: 'key', Key: '' });
    });
    afterAll(async () => faulty?.close());

    const healthy = async (): Promise<void> => {
      const { ways, beside } = await world().probe('ssh');
      for (const { way, state, finding, warnings } of ways) {
        if (way !== 'guest-serve-tun' && way !== 'guest-direct') continue;
        expect([way, state, finding, warnings]).toEqual([way, 'works', undefined, []]);
      }
      expect(beside).toEqual([]);
    };

    test('a healthy machine: nothing is told', healthy);

    test.for(FAULTS.map((each) => [each.name, each] as const))('fault: %s', async ([, fault], { task }) => {
      const report = await world().tell(fault, 1);
      task.meta.probeMs = report.tookMs;
      expectTold(report, fault);
    });

    test('what was watched left nothing in the guest', async () => {
      const left = 'nft list tables; ls -d /tmp/tmp.* /run/vmkit/ask-* 2>/dev/null || true';
      const { stdout } = await sandbox.vmkit(['exec', 'web', '--', 'sh', '-c', left]);
      expect(stdout).not.toMatch(/vmkit_follow|tmp[.]|ask-/);
    });
  });
