import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import type { Facts } from '../../src/reach/facts.ts';
import { readWatched } from '../../src/reach/follow/seen/sightings.ts';
import { judge } from '../../src/reach/judge.ts';
import { DAEMON_STATE } from '../../src/reach/look/guest/daemon-state.ts';
import { verdictOn } from '../support/ways/probe.ts';
import { facts, unanswered } from '../support/ways/probe-facts.ts';

const UP = 'up (pid 77) 900 seconds';
const FLOWS = `==> flows <==\n${JSON.stringify({ nftables: [{ set: { name: 'left' } }] })}\n`;

/** A guest whose tailscaled says nothing of itself in time; `watched`: what was seen of it later. */
function mute(changed: Parameters<typeof facts>[0], watched?: string): Facts {
  const guest = watched === undefined ? undefined : readWatched(`${FLOWS}\n==> daemon <==\n${watched}\n`, [3000]);
  return { ...unanswered(facts(changed)), ...(guest === undefined ? {} : { watches: { guest } }) };
}

test.each([
  ['tailscaled-hangs', mute({ daemon: `${UP}\nstate T`, status: [124, ''] })],
  ['tailscaled-hangs', mute({ daemon: `${UP}\nstate S\nfrozen 1`, status: [124, ''] })],
  ['tailscaled-hangs', mute({ daemon: `${UP}\nstate S\nfrozen 0`, status: [124, '\nused 10 ms'] })],
  ['guest-slow', mute({ daemon: `${UP}\nstate R`, status: [124, '\nused 2400 ms'] })],
  // So slow that nothing of it was told in time: what is watched is seen all the same.
  ['tailscaled-hangs', mute({ daemon: [1, ''], status: [124, ''] }, 'state T\nfrozen 0')],
  ['tailscaled-hangs', mute({ daemon: [1, ''], status: [124, ''] }, 'state S\nused 0 ms')],
  ['tailscaled-hangs', mute({ daemon: `${UP}\nstate D`, status: [124, ''] }, 'state D\nused 0 ms')],
  ['guest-slow', mute({ daemon: [1, ''], status: [124, ''] }, 'state S\nused 140 ms')],
  ['tailscaled-socket', mute({ daemon: `${UP}\nstate S`, status: [1, 'failed to connect: permission denied'] })],
  ['tailscaled-down', mute({ daemon: 'up (pid 77) 2 seconds\nstate S', status: [1, 'failed to connect'] })],
])('%s', (cause, seen) => {
  const { finding, warnings } = verdictOn('guest-serve-tun', { ways: judge(seen) });
  expect([finding?.cause, ...warnings.map((each) => each.cause)]).toContain(cause);
  if (cause !== 'guest-slow') expect(finding?.cause).toBe(cause);
});

test('the shell says how a process stands that a signal halts', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vmkit-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 's6-svstat'), '#!/bin/sh\ncat "$PIDFILE"\n', { mode: 0o755 });
  const script = `sleep 60 & pid=$!; trap "kill -KILL $pid" EXIT; echo $pid >"$PIDFILE"
${DAEMON_STATE}
daemon; kill -STOP $pid
until read -r _ _ state _ </proc/$pid/stat && [ $state = T ]; do :; done
daemon; echo "ticks $used"`;
  const env = { PATH: `${folder}:${process.env['PATH']}`, PIDFILE: join(folder, 'pid') };
  const { stdout } = await execa('sh', ['-c', script], { env });
  expect(stdout.split('\n').filter((line) => !line.startsWith('frozen'))).toEqual([
    expect.stringMatching(/^state [RS]$/),
    'state T',
    expect.stringMatching(/^ticks \d+$/),
  ]);
});
