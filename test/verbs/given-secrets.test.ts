import { readFile, stat } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { machinePaths } from '../../src/core/paths.ts';
import { secretFile } from '../../src/secrets/secret-store.ts';
import type { TailnetNode } from '../../src/spec/service.ts';
import { forgejo } from '../../src/spec/services/forgejo/forgejo.ts';
import { forgetGivenSecrets, takeGivenSecrets } from '../../src/verbs/boot/given-secrets.ts';
import { contextIn } from '../support/context.ts';
import { ownService, specWith } from '../support/spec.ts';
import { API_KEY, type ControlApi, startControlApi } from '../support/tailnet/control-api.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let api: ControlApi;

beforeEach(async () => {
  api = await startControlApi();
  vi.stubEnv('TS_AUTHKEY', '');
  vi.stubEnv('TS_BASE_URL', api.url);
  vi.stubEnv('TS_API_KEY', API_KEY);
});
afterEach(() => void vi.unstubAllEnvs());

const node: TailnetNode = {
  serve: [],
  routes: [],
  loginServer: undefined,
  tags: ['tag:web'],
  hostname: undefined,
  isUserspace: false,
  writesHosts: false,
};
const spec = specWith('web', [
  ownService({
    name: 'tailscale',
    node,
    secrets: [
      {
        name: 'auth-key',
        kind: 'password',
        tell: undefined,
        given: { variable: 'TS_AUTHKEY', title: 'Tailscale auth key' },
      },
    ],
  }),
]);

async function take(isFirstBoot: boolean) {
  const context = contextIn(await temporaryFolder());
  const paths = machinePaths(context.paths, 'web');
  await takeGivenSecrets(spec, paths, isFirstBoot, context);
  return { file: secretFile(paths, 'tailscale', 'auth-key'), told: JSON.stringify(context.progress) };
}

test('a first boot without a key makes its own, for one node, and says so without the key', async () => {
  const { file, told } = await take(true);
  expect(await readFile(file, 'utf8')).toBe('tskey-auth-1\n');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(told).toContain("Auth key made by Tailscale's API, by an API key: for one node");
  expect(told).not.toContain('tskey');
  const create = { reusable: false, ephemeral: false, preauthorized: true, tags: ['tag:web'] };
  expect(api.made).toMatchObject([{ capabilities: { devices: { create } }, description: 'made by vmkit boot' }]);
});

test('a key that was given is taken, and a machine that has joined needs none', async () => {
  await take(false);
  vi.stubEnv('TS_AUTHKEY', 'tskey-given');
  expect(await readFile((await take(true)).file, 'utf8')).toBe('tskey-given\n');
  expect(api.made).toEqual([]);
});

test('where nothing can be made and nobody asked, the way to give one is told', async () => {
  vi.stubEnv('TS_API_KEY', '');
  await expect(take(true)).rejects.toMatchObject({ code: 'secret-not-given' });
});

test('a secret of settings is asked for whenever it is not there, and stays after a boot', async () => {
  const forge = specWith('web', [forgejo.create({ settings: { mailer: { PASSWD: { secret: 'mail' } } } })]);
  const context = contextIn(await temporaryFolder());
  const paths = machinePaths(context.paths, 'web');
  await expect(takeGivenSecrets(forge, paths, false, context)).rejects.toMatchObject({
    code: 'secret-not-given',
    hint: expect.stringContaining('VMKIT_MAIL=file:PATH vmkit boot web'),
  });
  vi.stubEnv('VMKIT_MAIL', 'by hand');
  await takeGivenSecrets(forge, paths, false, context);
  await forgetGivenSecrets(forge, paths, context.host);
  vi.stubEnv('VMKIT_MAIL', '');
  await takeGivenSecrets(forge, paths, false, context);
  expect(await readFile(secretFile(paths, 'forgejo', 'mail'), 'utf8')).toBe('by hand\n');
});
