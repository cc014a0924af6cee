import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { poll } from '../../src/core/deadline.ts';
import { rootRunner } from '../../src/host/changes/as-root.ts';
import { localHost } from '../../src/host/local/local.ts';
import { startInBackground } from '../../src/host/local/process/background.ts';
import { spawnChild } from '../../src/host/local/process/child.ts';
import { childEnvironment } from '../../src/host/local/process/child-environment.ts';
import { runProcess } from '../../src/host/local/process/process.ts';
import { withLock } from '../../src/host/with-lock.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const SECRETS = {
  TS_AUTHKEY: 'tskey-auth-1',
  MY_OAUTH_SECRET: 'oauth-2',
  CCACHE_REMOTE_TOKEN: 'token-3',
  XDG_API_KEY: 'key-4',
};

beforeEach(() => {
  for (const [name, value] of Object.entries(SECRETS)) vi.stubEnv(name, value);
  vi.stubEnv('LC_TIME', 'C.UTF-8');
});
afterEach(() => vi.unstubAllEnvs());

/** What a real child has: nothing secret, and what it needs. */
function expectChosen(printed: string): void {
  for (const value of Object.values(SECRETS)) expect(printed).not.toContain(value);
  expect(printed).toContain('LC_TIME=C.UTF-8');
  expect(printed).toMatch(/^PATH=/m);
}

test('a command that is waited for', async () => {
  const { stdout } = await runProcess(['env'], { env: { OWN: 'given' } });
  expectChosen(stdout);
  expect(stdout).toContain('OWN=given');
});

test('a command as root', async () => {
  const run = await rootRunner({
    host: { ...localHost(), facts: async () => ({ machine: '', cpus: 1, isRoot: true }) },
  });
  expectChosen((await run({ argv: ['env'] })).stdout);
});

test('a process in the background', async () => {
  const logFile = join(await temporaryFolder(), 'log');
  await startInBackground(['sh', '-c', 'env; echo END'], { logFile, env: { OWN: 'given' } });
  const log = await poll(
    async () => {
      const text = await readFile(logFile, 'utf8');
      return text.includes('END\n') ? text : undefined;
    },
    { withinMs: 10_000 },
  );
  expectChosen(log ?? '');
  expect(log).toContain('OWN=given');
});

test('the program that takes a lock', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'flock'), `#!/bin/sh\nenv >${folder}/seen\n`, { mode: 0o755 });
  vi.stubEnv('PATH', `${folder}:${process.env['PATH']}`);
  await withLock(join(folder, 'lock'), 'test', contextIn(folder), async () => undefined);
  expectChosen(await readFile(join(folder, 'seen'), 'utf8'));
});

test('a plain child', async () => {
  let printed = '';
  const child = spawnChild('env', [], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout?.on('data', (chunk) => (printed += chunk));
  await new Promise((resolve) => child.once('close', resolve));
  expectChosen(printed);
});

test('names that only begin like a known one stay here', () => {
  const env = {
    PATH: '/bin',
    PATHOLOGY: '1',
    GOOGLE_APPLICATION_CREDENTIALS: '/key',
    GOPROXY: 'off',
    HTTP_PROXY: 'http://p',
  };
  expect(childEnvironment({}, env)).toEqual({ PATH: '/bin', GOPROXY: 'off', HTTP_PROXY: 'http://p' });
});
