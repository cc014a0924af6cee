import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import type { ProbeReport, Verdict } from '../../../src/reach/report.ts';
import { sshServer } from '../hosts/ssh-server.ts';
import type { Sandbox } from '../machine.ts';
import type { Joined, Tailnet } from '../tailnet/tailnet.ts';
import type { Fault, FaultWorld } from './faults.ts';
import { forgetProbes } from './probe.ts';

/** The running machine `web` of a tailnet, with a peer that is reached by ssh, into which faults are put. */
export interface Faulty {
  probe(from?: Fault['from']): Promise<ProbeReport>;
  /** Puts it in, probes at most so many times, takes it back; the last report. */
  tell(fault: Fault, tries: number): Promise<ProbeReport>;
  close(): Promise<void>;
}

export async function faultyWorld(tailnet: Tailnet, sandbox: Sandbox, away: Joined): Promise<Faulty> {
  const folder = await mkdtemp(join(tmpdir(), 'vmkit-faults-'));
  const peerPath = `${away.bin}:${process.env['PATH']}`;
  const ssh = await sshServer(folder, ['ip', 'netns', 'exec', tailnet.peer, 'env', `PATH=${peerPath}`]);
  const world: FaultWorld = {
    inGuest: async (script) => {
      const { exitCode, stderr } = await sandbox.vmkit(['exec', 'web', '--', 'sh', '-c', script]);
      if (exitCode !== 0) throw new Error(`${script}: ${exitCode} ${stderr}`);
    },
    onHost: (script) => execa('ip', ['netns', 'exec', tailnet.host, 'sh', '-ec', script]),
    onPeer: (script) => execa('ip', ['netns', 'exec', tailnet.peer, 'sh', '-ec', script], { env: { PATH: peerPath } }),
    control: (command) => tailnet.control(command),
    qemuPid: async () => (await sandbox.state('web'))?.pid ?? 0,
  };
  const probe: Faulty['probe'] = async (from = 'node') => {
    const env = { TS_AUTHKEY: `file:${tailnet.keyFile}`, PATH: `${ssh.bin}:${process.env['PATH']}` };
    const args = ['probe', 'web', '--from', from === 'ssh' ? 'ssh://laptop' : from, '--json'];
    const { stdout, stderr } = await sandbox.vmkit(args, { env });
    await forgetProbes(tailnet);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout);
  };
  return {
    probe,
    tell: async (fault, tries) => {
      await fault.put(world);
      try {
        for (let left = tries; ; left -= 1) {
          const report = await probe(fault.from);
          if (left === 1 || isRight(report, fault)) return report;
        }
      } finally {
        await fault.takeBack(world);
      }
    },
    close: async () => {
      ssh.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function expectTold(report: ProbeReport, fault: Fault): void {
  expect(toldOf(report, fault), told(report)).toEqual([fault.state, fault.cause, fault.hop]);
}

function isRight(report: ProbeReport, fault: Fault): boolean {
  const [state, cause, hop] = toldOf(report, fault);
  return state === fault.state && cause === fault.cause && hop === fault.hop;
}

/** The state of a way, and what is told of it: the finding where there is one, else what the fault ought to be told as. */
function toldOf({ ways, beside }: ProbeReport, { cause, way = 'guest-serve-tun' }: Fault): (string | undefined)[] {
  const { state, finding, warnings = [] }: Partial<Verdict> = ways.find((each) => each.way === way) ?? {};
  const others = [...warnings, ...beside];
  const said = finding ?? others.find((each) => each.cause === cause) ?? others[0];
  return [state, said?.cause, said?.hop];
}

/** What a report says, for whoever reads why a test failed. */
function told({ ways, beside, tookMs }: ProbeReport): string {
  const lines = ways.flatMap(({ way, state, finding, warnings }) =>
    [finding, ...warnings].flatMap((each) =>
      each === undefined ? [] : `${way} ${state}: ${each.hop} ${each.cause}: ${each.observed}`,
    ),
  );
  return [`after ${tookMs} ms`, ...lines, ...beside.map(({ cause, observed }) => `${cause}: ${observed}`)].join('\n');
}
