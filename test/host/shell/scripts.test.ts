import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import * as command from '../../../src/host/shell/scripts/command.ts';
import * as files from '../../../src/host/shell/scripts/files.ts';
import { inputJob, PRELUDE, simpleJob } from '../../../src/host/shell/scripts/job.ts';
import * as lock from '../../../src/host/shell/scripts/lock.ts';
import * as log from '../../../src/host/shell/scripts/log.ts';
import * as ours from '../../../src/host/shell/scripts/ours.ts';
import * as place from '../../../src/host/shell/scripts/place.ts';
import * as push from '../../../src/host/shell/scripts/push.ts';
import { BOOT_COMMAND } from '../../../src/host/shell/session/boot-shell.ts';
import { parseSshUrl } from '../../../src/host/ssh/destination.ts';
import { readAddress } from '../../../src/host/ssh/real-address.ts';
import { configurationArgv, forwardArgv, shellArgv } from '../../../src/host/ssh/ssh-argv.ts';

const { commandJob, startJob, PROCESS } = command;
const bodies = { PROCESS, ...log, ...ours, ...files, ...place, ...push, ...lock };
const jobs: Readonly<Record<string, string>> = {
  command: commandJob(['printf', '%s', "it's"], { cwd: '/a b', env: { TOKEN: "x'y" }, inputBytes: 70_000 }),
  start: startJob(['sleep', '1'], { logFile: '/log/file', logFolder: '/log', env: { A: 'b' }, inputBytes: 70_000 }),
  read: simpleJob(bodies.READ, ['/a']),
  write: inputJob(bodies.WRITE, ['/a', '/', '/a.tmp', '600', '3']),
};

test('the scripts', async () => {
  const parts = { prelude: PRELUDE, ...jobs, ...bodies };
  const text = Object.entries(parts).map(([name, script]) => `=== ${name}\n${script.trimEnd()}\n`);
  await expect(text.join('')).toMatchFileSnapshot('../../golden/host-scripts.txt');
});

test('what ssh is called with', async () => {
  const text = ['ssh://me@server:2222', 'ssh://[fe80::1%eth0]'].flatMap((url) => {
    const to = parseSshUrl(url);
    return [
      shellArgv(to, '/run/vmkit-ssh/%C'),
      forwardArgv(to, '/run/vmkit-ssh/%C', 'forward', '/run/vmkit-ssh/to-1', { tcp: 5432 }),
      forwardArgv(to, '/run/vmkit-ssh/%C', 'cancel', '/run/vmkit-ssh/to-1', { unix: '/state/qmp.sock' }),
      forwardArgv(to, '/run/vmkit-ssh/%C', 'forward', '/run/vmkit-ssh/to-2', { tcp: 80, at: '192.168.100.5' }),
      configurationArgv(to),
    ].map((argv) => argv.join('\n'));
  });
  await expect(`${text.join('\n\n')}\n`).toMatchFileSnapshot('../../golden/ssh-argv.txt');
});

test('what a person calls a host is not where it is: `ssh -G` says that', () => {
  const printed = (more: string): string => `user me\nhostname server.example.org\nport 22\n${more}`;
  expect(readAddress(printed(''), 'server')).toEqual({ name: 'server.example.org', isDirect: true });
  expect(readAddress(printed('proxyjump none\n'), 'server').isDirect).toBe(true);
  expect(readAddress(printed('proxyjump me@gate:22\n'), 'server').isDirect).toBe(false);
  expect(readAddress(printed('proxycommand nc -x proxy %h %p\n'), 'server').isDirect).toBe(false);
  expect(readAddress('', 'server').name).toBe('server');
});

test('the command for the login shell is one line that fish, csh and POSIX shells read alike', () => {
  const [, script = ''] = /^exec sh -c '([^']*)'$/.exec(BOOT_COMMAND) ?? [];
  expect(script).not.toBe('');
  // What one of them treats in its own way inside single quotes: a backslash (fish), `!` and a line break (csh).
  expect(script).not.toMatch(/[\\!\n]/);
});

test('shellcheck finds nothing', () => {
  for (const [name, body] of Object.entries(jobs)) {
    const script = `#!/bin/sh\nmark=x\n${PRELUDE}\n${body}\n`;
    expect(complaintsOf(script), name).toBe('');
  }
  for (const [name, body] of Object.entries(bodies)) {
    if (typeof body !== 'string') continue;
    expect(complaintsOf(`#!/bin/sh\nmark=x\n${PRELUDE}\n(\n${body})\nfinish $?\n`), name).toBe('');
  }
});

/**
 * Left out: SC2317, SC2329, SC2034, since each script calls only some of the functions; SC2094, since the lock's file is read and written on purpose; SC2016, since
 * another shell expands it; SC3013, since dash, busybox and bash know `-ef`; SC2015, `A && B || C` where C is meant for both.
 */
function complaintsOf(script: string): string {
  try {
    const excluded = 'SC2317,SC2329,SC2034,SC2094,SC2016,SC2015,SC3013';
    return execFileSync('shellcheck', ['--shell=sh', `--exclude=${excluded}`, '--format=gcc', '-'], {
      input: script,
    }).toString();
  } catch (error) {
    return error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
  }
}
