import { mkdtemp } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { bundledCli } from '../support/cli.ts';
import { HEADSCALE, type Headscale, startHeadscale } from '../support/tailnet/headscale.ts';
import { hostPrograms } from '../support/tailnet/programs.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

if (HEADSCALE === undefined) console.log('Skipped: a real headscale; VMKIT_HEADSCALE=PATH tests with it.');

/** headscale itself, by its command, by its own API, and by the one that it has of Tailscale's (0.30 and newer). */
describe.skipIf(HEADSCALE === undefined)('a real headscale', () => {
  const cli = bundledCli();
  let server: Headscale;
  let ways: Readonly<Record<string, Readonly<Record<string, string>>>>;

  beforeAll(async () => {
    server = await startHeadscale(HEADSCALE ?? '');
    const apiKey = z.string().parse(await server.command('apikeys', 'create'));
    const byTailscale = { TS_BASE_URL: server.url };
    ways = {
      command: { PATH: `${server.bin}:${process.env['PATH']}`, HEADSCALE_CONFIG: `${server.folder}/config.yaml` },
      API: { HEADSCALE_CLI_ADDRESS: server.url, HEADSCALE_CLI_API_KEY: apiKey },
      'Tailscale API, API key': { ...byTailscale, TS_API_KEY: apiKey },
      'Tailscale API, OAuth client': { ...byTailscale, ...(await client('auth_keys', 'devices:core')) },
    };
  }, 120_000);
  afterAll(() => server?.stop());

  async function client(...scopes: string[]): Promise<Readonly<Record<string, string>>> {
    const words = scopes.flatMap((scope) => ['--scope', scope]);
    const made = await server.command('oauth-clients', 'create', ...words, '--tag', 'tag:web');
    const { id, key } = z.object({ id: z.string(), key: z.string() }).parse(made);
    return { TS_API_CLIENT_ID: id, TS_API_CLIENT_SECRET: key };
  }

  async function vmkit(args: readonly string[], env: Readonly<Record<string, string>>) {
    return cli.run(['tailnet', ...args], server.folder, env);
  }

  test.each(['command', 'API', 'Tailscale API, API key', 'Tailscale API, OAuth client'])(
    'by its %s: a key is made, its node is listed and removed',
    { timeout: 300_000 },
    async (way) => {
      const env = ways[way] ?? {};
      const made = await vmkit(['key', '--tag', 'web', '--ephemeral', '--expiry', '10m', '--json'], env);
      expect(made).toMatchObject({ exitCode: 0, stderr: '' });
      const { key, expires } = z.object({ key: z.string(), expires: z.string() }).parse(JSON.parse(made.stdout));
      expect(key).toMatch(/^hskey-auth-/);
      expect(Math.abs(Date.parse(expires) - Date.now() - 600_000)).toBeLessThan(60_000);
      const user = await node();
      const name = `by-${way.toLowerCase().replace(/[^a-z]+/g, '-')}`;
      const words = ['join', '--userspace', `--login-server=${server.url}`, `--hostname=${name}`];
      expect(await user(words, { TS_AUTHKEY: key })).toMatchObject({ exitCode: 0, stderr: '' });
      expect((await vmkit(['devices'], env)).stdout).toMatch(new RegExp(`^${name} .* tag:web +online`, 'm'));
      const removed = await vmkit(['rm', name, '--yes'], env);
      expect(removed).toMatchObject({ exitCode: 0, stderr: '' });
      expect((await vmkit(['devices'], env)).stdout).not.toContain(name);
      await user(['leave'], {});
    },
  );

  test('join makes its own key, by its API', { timeout: 300_000 }, async () => {
    const user = await node();
    const joined = await user(
      ['join', '--userspace', `--login-server=${server.url}`, '--hostname=own'],
      ways['API'] ?? {},
    );
    expect(joined.stderr).toContain("Auth key made by headscale's API: for one node, within 10 minutes");
    expect(joined.exitCode).toBe(0);
    expect((await user(['leave'], {})).stdout).toContain('own left the tailnet');
  });

  /** An ordinary home, with Tailscale's own programs. */
  async function node() {
    const home = await temporaryFolder();
    const { tailscale = '', tailscaled = '' } = await hostPrograms(
      ['tailscale', 'tailscaled'],
      await mkdtemp(`${home}/`),
    );
    return (args: readonly string[], env: Readonly<Record<string, string>>) =>
      cli.run(['tailnet', ...args], home, { VMKIT_TAILSCALE: tailscale, VMKIT_TAILSCALED: tailscaled, ...env });
  }

  test.each<[string, () => Promise<Readonly<Record<string, string>>>, string[], RegExp]>([
    [
      'a scope is missing',
      () => client('devices:core'),
      ['key', '--tag', 'web'],
      /may not do that.*auth_keys(.|\n)*scope auth_keys/,
    ],
    ['a scope for nodes is missing', () => client('auth_keys'), ['devices'], /may not do that(.|\n)*devices:core/],
    [
      'a tag of nobody',
      () => client('auth_keys'),
      ['key', '--tag', 'none'],
      /not one that.*not defined(.|\n)*tagOwners/,
    ],
    [
      'a tag of others',
      () => client('auth_keys'),
      ['key', '--tag', 'other'],
      /not one that.*may not assign(.|\n)*tagOwners/,
    ],
    ['no tag', () => client('auth_keys'), ['key'], /not one that.*must create tagged(.|\n)*tagOwners/],
    [
      'a wrong tailnet',
      async () => ({ ...(await client('auth_keys')), TS_TAILNET: 'x.org' }),
      ['key', '--tag', 'web'],
      /no such tailnet/,
    ],
    [
      'a wrong secret',
      async () => ({ TS_API_CLIENT_ID: 'x', TS_API_CLIENT_SECRET: 'hskey-client-x-y' }),
      ['key'],
      /not accepted/,
    ],
    ['a wrong API key', async () => ({ TS_API_KEY: 'hskey-api-x-y' }), ['devices'], /not accepted/],
  ])('%s: named, with what to do', async (_name, make, args, told) => {
    const env = await make();
    const { exitCode, stdout, stderr } = await vmkit(args, { TS_BASE_URL: server.url, ...env });
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 6, stdout: '', stderr: expect.stringMatching(told) });
    for (const secret of Object.values(env).filter((each) => each.startsWith('hskey')))
      expect(stderr).not.toContain(secret);
  });

  test('its own API: a wrong key, and a tag that is none', async () => {
    const wrong = await vmkit(['devices'], { HEADSCALE_CLI_ADDRESS: server.url, HEADSCALE_CLI_API_KEY: 'x' });
    expect(wrong).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('credentials are not accepted') });
    for (const way of ['API', 'command']) {
      const { exitCode, stderr } = await vmkit(['key', '--tag', 'A B'], ways[way] ?? {});
      expect({ exitCode, stderr }).toEqual({ exitCode: 6, stderr: expect.stringMatching(/tag(.|\n)*tagOwners/) });
    }
  });
});
