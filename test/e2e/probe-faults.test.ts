import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProbeReport, Verdict } from '../../src/reach/report.ts';
import { FAULTS, type Fault, type FaultWorld } from '../support/faults.ts';
import { useSandbox } from '../support/machine.ts';
import { tailscalePrograms } from '../support/programs.ts';
import { sshServer } from '../support/ssh-server.ts';
import { whyNoTailnet } from '../support/tailnet.ts';
import { useTailnet } from '../support/use-tailnet.ts';

/** How long the probe took: read by `npm run bench -- faults`. */
declare module 'vitest' {
  interface TaskMeta {
    probeMs?: number;
  }
}

const isAsked = process.env['VMKIT_TEST_ALL'] !== undefined;
const reason = whyNoTailnet() ?? (isAsked ? undefined : 'ten minutes of faults: VMKIT_TEST_ALL=1');

/** One machine and one peer, which stay: each fault is put in, told, and taken back. */
describe
  .skipIf(reason !== undefined)
  .sequential(`faults of a tailnet${reason === undefined ? '' : `: ${reason}`}`, () => {
    const tailnet = useTailnet();
    const sandbox = useSandbox(tailnet.host);
    let folder = '';
    let peerPath = '';
    let ssh: Awaited<ReturnType<typeof sshServer>>;

    const world: FaultWorld = {
      inGuest: async (script) => {
        const { exitCode, stderr } = await sandbox.vmkit(['exec', 'web', '--', 'sh', '-c', script]);
        if (exitCode !== 0) throw new Error(`${script}: ${exitCode} ${stderr}`);
      },
      onHost: (script) => execa('ip', ['netns', 'exec', tailnet.host, 'sh', '-ec', script]),
      onPeer: (script) =>
        execa('ip', ['netns', 'exec', tailnet.peer, 'sh', '-ec', script], { env: { PATH: peerPath } }),
      control: (command) => tailnet.control(command),
      qemuPid: async () => (await sandbox.state('web'))?.pid ?? 0,
    };
    const probe = async (from: Fault['from'] = 'node'): Promise<ProbeReport> => {
      const env = { TS_AUTHKEY: `file:${tailnet.keyFile}`, PATH: `${ssh.bin}:${process.env['PATH']}` };
      const args = ['probe', 'web', '--from', from === 'ssh' ? 'ssh://laptop' : from, '--json'];
      const { stdout, stderr } = await sandbox.vmkit(args, { env });
      if (stdout === '') throw new Error(stderr);
      return JSON.parse(stdout);
    };

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'vmkit-faults-'));
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
      peerPath = `${away.bin}:${process.env['PATH']}`;
      ssh = await sshServer(folder, ['ip', 'netns', 'exec', tailnet.peer, 'env', `PATH=${peerPath}`]);
      const booted = await sandbox.vmkit(['boot', 'web'], { env: { TS_AUTHKEY: `file:${tailnet.keyFile}` } });
      if (booted.exitCode !== 0) throw new Error(booted.stderr);
      await tailnet.control({ Do: 'key', Key: '' });
    });
    afterAll(async () => {
      ssh?.close();
      if (folder !== '') await rm(folder, { recursive: true, force: true });
    });

    const healthy = async (): Promise<void> => {
      const { ways, beside } = await probe('ssh');
      for (const { way, state, finding, warnings } of ways) {
        if (way !== 'guest-serve-tun' && way !== 'guest-direct') continue;
        expect([way, state, finding, warnings]).toEqual([way, 'works', undefined, []]);
      }
      expect(beside).toEqual([]);
    };

    test('a healthy machine: nothing is told', healthy);

    test.for(FAULTS)('fault: $name', async (fault, { task }) => {
      await fault.put(world);
      const report = await probe(fault.from).finally(() => fault.takeBack(world));
      task.meta.probeMs = report.tookMs;
      const verdict = report.ways.find(({ way }) => way === (fault.way ?? 'guest-serve-tun'));
      expect(toldOf(verdict, report, fault)).toEqual([fault.state, fault.cause, fault.hop]);
    });

    test('what was watched left nothing in the guest', async () => {
      const left = 'nft list tables; ls -d /tmp/tmp.* /run/vmkit/ask-* 2>/dev/null || true';
      const { stdout } = await sandbox.vmkit(['exec', 'web', '--', 'sh', '-c', left]);
      expect(stdout).not.toMatch(/vmkit_follow|tmp[.]|ask-/);
    });
  });

/** The state of a way, and what is told of it: the finding where there is one, else what the fault ought to be told as. */
function toldOf(verdict: Verdict | undefined, { beside }: ProbeReport, { cause }: Fault): (string | undefined)[] {
  const { state, finding, warnings = [] } = verdict ?? {};
  const others = [...warnings, ...beside];
  const told = finding ?? others.find((each) => each.cause === cause) ?? others[0];
  return [state, told?.cause, told?.hop];
}
