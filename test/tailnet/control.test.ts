import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { newIdentity } from '../../src/machine/disks/identity.ts';
import { bundledCli } from '../support/cli.ts';
import { serveHttp } from '../support/stand-ins/http-server.ts';
import { API_KEY, CLIENT, type ControlApi, startControlApi } from '../support/tailnet/control-api.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const cli = bundledCli();
let api: ControlApi;
let home: string;

beforeEach(async () => {
  api = await startControlApi();
  home = await temporaryFolder();
});

async function secretFile(text: string): Promise<string> {
  const path = join(home, text);
  await writeFile(path, `${text}\n`);
  await chmod(path, 0o600);
  return `file:${path}`;
}

async function vmkit(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const client = { TS_API_CLIENT_ID: CLIENT.id, TS_API_CLIENT_SECRET: await secretFile(CLIENT.secret) };
  const given = 'TS_API_KEY' in env || 'NONE' in env ? env : { ...client, ...env };
  return cli.run(args, home, { TS_BASE_URL: api.url, ...given });
}

describe('vmkit tailnet key', () => {
  test('an OAuth client makes a key for one node and an hour', async () => {
    const { stdout, stderr, exitCode } = await vmkit(['tailnet', 'key', '--tag', 'web']);
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: 'tskey-auth-1\n', stderr: '', exitCode: 0 });
    expect(api.made).toEqual([
      {
        capabilities: {
          devices: { create: { reusable: false, ephemeral: false, preauthorized: true, tags: ['tag:web'] } },
        },
        expirySeconds: 3600,
        description: 'made by vmkit',
      },
    ]);
  });

  test('its options reach the server; an API key needs no tag', async () => {
    const args = ['tailnet', 'key', '--reusable', '--ephemeral', '--no-preauthorized', '--expiry', '90s', '--json'];
    const { stdout } = await vmkit(args, { TS_API_KEY: await secretFile(API_KEY) });
    expect(JSON.parse(stdout)).toEqual({ id: 'k1', key: 'tskey-auth-1', expires: '2030-01-01T00:00:00Z' });
    expect(api.made).toMatchObject([
      {
        capabilities: { devices: { create: { reusable: true, ephemeral: true, preauthorized: false } } },
        expirySeconds: 90,
      },
    ]);
    expect(api.asked).toEqual(['POST /api/v2/tailnet/-/keys']);
  });

  test('what passes is waited out: 429, 503, a login whose answer was cut off', async () => {
    api.ails = ['cut', 429, 503];
    expect((await vmkit(['tailnet', 'key', '--tag', 'web'])).stdout).toBe('tskey-auth-1\n');
  });

  test('a key whose making was cut off is not made again: nobody knows whether there is one', async () => {
    const env = { TS_API_KEY: await secretFile(API_KEY) };
    api.ails = ['cut'];
    const { stderr, exitCode } = await vmkit(['tailnet', 'key'], env);
    expect(exitCode).toBe(6);
    expect(stderr).toContain('may have been made');
    expect(api.asked).toHaveLength(1);
  });

  test.each<[string, (number | 'cut')[], RegExp, number]>([
    ['it wants fewer requests', [429, 429, 429, 429, 429], /429, too many requests(.|\n)*Nothing was changed/, 5],
    ['it is not available', [503, 503, 503, 503, 503], /503, not available now(.|\n)*Nothing was changed/, 5],
    ['it failed while it made the key', [500], /500, an error of its own(.|\n)*may have been made/, 1],
    ['what stands before it failed', [429, 502], /502, an error of its own(.|\n)*may have been made/, 2],
  ])('%s: told, and no key is made twice', async (_name, ails, told, asked) => {
    const env = { TS_API_KEY: await secretFile(API_KEY) };
    api.ails = ails;
    const { stderr, exitCode } = await vmkit(['tailnet', 'key'], env);
    expect({ stderr, exitCode }).toEqual({ stderr: expect.stringMatching(told), exitCode: 6 });
    expect(api.asked).toHaveLength(asked);
  });

  test.each<[string, () => void, string]>([
    ['a scope is missing', () => Object.assign(api, { scopes: ['devices:core'] }), 'the scope auth_keys'],
    ['a tag that is not owned', () => Object.assign(api, { tags: [] }), 'tagOwners'],
    ['a clock that is wrong', () => Object.assign(api, { ails: [401], clockOffMs: 3_600_000 }), 'clocks'],
  ])('%s: named, and the secret is not', async (_name, ail, hint) => {
    ail();
    const { stdout, stderr, exitCode } = await vmkit(['tailnet', 'key', '--tag', 'web', '-v']);
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 6 });
    expect(stderr).toContain('refused');
    expect(stderr).toContain(hint);
    expect(stderr).not.toContain(CLIENT.secret);
  });

  test('a wrong secret, and another tailnet', async () => {
    const wrong = await vmkit(['tailnet', 'key'], { TS_API_KEY: 'tskey-api-wrong' });
    expect(wrong.stderr).toContain('the credentials are not accepted');
    expect(wrong.stderr).not.toContain('tskey-api-wrong');
    const other = await vmkit(['tailnet', 'key', '--tag', 'web'], { TS_TAILNET: 'example.org' });
    expect(other.stderr).toContain('there is no such tailnet');
  });

  test('without credentials it says which it takes; a file that others can read is none of them', async () => {
    const none = await vmkit(['tailnet', 'key'], { NONE: '' });
    expect(none.stderr).toMatch(/No credentials(.|\n)*TS_API_CLIENT_SECRET=file:PATH/);
    const env = { TS_API_KEY: await secretFile(API_KEY) };
    await chmod(join(home, API_KEY), 0o644);
    expect((await vmkit(['tailnet', 'key'], env)).stderr).toContain('can be read by others');
  });

  test('http is refused for another computer: a secret goes there', async () => {
    const { stderr } = await vmkit(['tailnet', 'key'], { TS_BASE_URL: 'http://control.example.org' });
    expect(stderr).toContain('is not an https address');
  });
});

describe('nodes', () => {
  const node = (name: string, hostname: string, lastSeen: string, connectedToControl = false) => ({
    id: `n-${name}`,
    name: `${name}.tail.ts.net`,
    hostname,
    addresses: ['100.64.0.1'],
    lastSeen,
    connectedToControl,
  });
  const NOW = new Date().toISOString();

  test('those that a machine left behind when it joined again are told; others of a like name are not', async () => {
    api.nodes = [
      node('web', 'web', '2026-01-01T00:00:00Z'),
      node('web-1', 'web', NOW, true),
      node('web-2nd', 'web-2nd', NOW, true),
      node('db', 'db', NOW),
    ];
    const { stdout } = await vmkit(['tailnet', 'devices', '--stale', '300d', '--json']);
    expect(JSON.parse(stdout)).toMatchObject([{ name: 'web', replacedBy: 'web-1' }]);
    const text = (await vmkit(['tailnet', 'devices'])).stdout;
    expect(text).toMatch(/^web .* the same machine is web-1 now$/m);
    expect(text).toMatch(/^web-1 .* online$/m);
    expect(text).toMatch(/^db .* seen \d.* ago$/m);
  });

  test('one is removed when told so, by its name in the tailnet', async () => {
    api.nodes = [node('web', 'web', NOW), node('web-1', 'web', NOW, true)];
    const asked = await vmkit(['tailnet', 'rm', 'web']);
    expect(asked).toMatchObject({ exitCode: 2 });
    expect(asked.stderr).toMatch(/Nothing was changed(.|\n)*vmkit tailnet rm web --yes/);
    expect((await vmkit(['tailnet', 'rm', 'wbe', '--yes'])).stderr).toContain('Did you mean web?');
    expect(api.removed).toEqual([]);
    expect((await vmkit(['tailnet', 'rm', 'web', '--yes'])).stdout).toContain('Removed web (100.64.0.1).');
    expect(api.removed).toEqual(['n-web']);
  });

  test('those of --stale are removed in one call; one that nobody knows, and none is', async () => {
    api.nodes = [
      node('web', 'web', '2026-01-01T00:00:00Z'),
      node('old', 'old', '2020-01-01T00:00:00Z'),
      node('db', 'db', NOW, true),
    ];
    const stale = JSON.parse((await vmkit(['tailnet', 'devices', '--stale', '--json'])).stdout);
    const names = stale.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(['old']));
    expect(names).not.toContain('db');
    expect((await vmkit(['tailnet', 'rm', 'old', 'none', '--yes'])).exitCode).toBe(2);
    expect(api.removed).toEqual([]);
    expect((await vmkit(['tailnet', 'rm', 'old', 'web', '--yes'])).stdout).toBe(
      'Removed old (100.64.0.1), web (100.64.0.1).\n',
    );
    expect(api.removed).toEqual(['n-old', 'n-web']);
  });

  test('a node of which the server tells no connection and no last time is there: headscale lists so what is online', async () => {
    api.nodes = [{ id: 'n1', name: 'web', hostname: 'web', addresses: ['100.64.0.1'] }];
    expect((await vmkit(['tailnet', 'devices'])).stdout).toMatch(/^web .* online$/m);
    expect((await vmkit(['tailnet', 'devices', '--stale'])).stdout).toBe('No such nodes.\n');
  });
});

describe('vmkit rm of a machine that had a node', () => {
  const NODE = {
    ...{ id: 'n1', name: 'git.tail.ts.net', hostname: 'git', addresses: ['100.64.0.1'] },
    connectedToControl: false,
  };

  /** A machine `web`, off, whose node calls itself `git`. */
  async function rm(env: Readonly<Record<string, string>> = {}) {
    const folder = join(home, '.local', 'share', 'vmkit', 'machines', 'web');
    await mkdir(folder, { recursive: true });
    const identity = { ...newIdentity(), node: { hostname: 'git' } };
    await writeFile(join(folder, 'identity.json'), JSON.stringify(identity));
    const ended = await vmkit(['rm', 'web', '--yes'], env);
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
    expect(existsSync(folder)).toBe(false);
    return ended.stdout;
  }

  test('its node goes with it, by the name that it gave itself', async () => {
    api.nodes = [NODE, { ...NODE, id: 'n2', name: 'web.tail.ts.net', hostname: 'web' }];
    expect(await rm()).toContain('Removed from the tailnet: git (100.64.0.1)\n');
    expect(api.removed).toEqual(['n1']);
  });

  test.each<[string, () => void, string]>([
    ['one of two, unasked', () => Object.assign(api, { nodes: [NODE, { ...NODE, id: 'n2' }] }), 'nobody said'],
    ['one that is online', () => Object.assign(api, { nodes: [{ ...NODE, connectedToControl: true }] }), 'is online'],
    ['one that these credentials may not list', () => Object.assign(api, { scopes: [] }), 'devices:core'],
  ])('%s stays, and where it is removed is told', async (_name, make, why) => {
    make();
    expect(await rm()).toMatch(new RegExp(`${why}(.|\n)*vmkit tailnet rm git, or at Tailscale's admin console`));
    expect(api.removed).toEqual([]);
  });

  test('without credentials it is told where its node is removed; one that is gone already is not told of', async () => {
    expect(await rm({ NONE: '' })).toContain('no credentials for its control server');
    expect(await rm()).not.toContain('node');
  });
});

describe('headscale', () => {
  /** A stand-in for its API, version 1. It is not headscale. */
  async function startHeadscale(users: readonly string[]) {
    const bodies: unknown[] = [];
    const url = await serveHttp(async (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x');
      let body = '';
      for await (const chunk of request) body += String(chunk);
      const known = users.map((name, at) => ({ id: `${at + 1}`, name }));
      const answers: Readonly<Record<string, () => unknown>> = {
        'GET /api/v1/user': () => ({
          users: known.filter(({ name }) => !searchParams.has('name') || name === searchParams.get('name')),
        }),
        'POST /api/v1/preauthkey': () => {
          bodies.push(JSON.parse(body));
          return { preAuthKey: { id: '7', key: 'hskey', expiration: '2030-01-01T00:00:00Z' } };
        },
        'GET /api/v1/node': () => ({
          nodes: [{ id: '3', name: 'web', givenName: 'web-1', ipAddresses: ['100.64.0.3'], online: true }],
        }),
        'DELETE /api/v1/node/3': () => ({}),
      };
      const found =
        request.headers.authorization === 'Bearer hs-api' ? answers[`${request.method} ${pathname}`] : undefined;
      response.statusCode = found === undefined ? 401 : 200;
      response.end(JSON.stringify(found?.() ?? { message: 'Unauthorized' }));
    });
    return { bodies, env: { NONE: '', HEADSCALE_CLI_ADDRESS: url, HEADSCALE_CLI_API_KEY: 'hs-api' } };
  }

  test('makes keys for its only user, lists nodes and removes one', async () => {
    const { env, bodies } = await startHeadscale(['me']);
    expect((await vmkit(['tailnet', 'key', '--tag', 'web', '--ephemeral'], env)).stdout).toBe('hskey\n');
    expect(bodies).toMatchObject([{ user: '1', reusable: false, ephemeral: true, aclTags: ['tag:web'] }]);
    expect((await vmkit(['tailnet', 'devices'], env)).stdout).toMatch(/^web-1 +100\.64\.0\.3 +online$/m);
    expect((await vmkit(['tailnet', 'rm', 'web-1', '--yes'], env)).stdout).toContain('Removed web-1');
  });

  test('of several users it wants to be told which', async () => {
    const { env } = await startHeadscale(['me', 'you']);
    expect((await vmkit(['tailnet', 'key'], env)).stderr).toMatch(/several users: me, you(.|\n)*HEADSCALE_USER=NAME/);
    expect((await vmkit(['tailnet', 'key'], { ...env, HEADSCALE_USER: 'you' })).stdout).toBe('hskey\n');
  });

  /** A folder for PATH with a `headscale` that prints as 0.27 does (protobuf's Go structs), and writes down how it was called. */
  async function commandIn(folder: string, script = ''): Promise<string> {
    const text = `#!/bin/sh
echo "$HEADSCALE_CLI_ADDRESS $HEADSCALE_CLI_API_KEY $*" >>${folder}/called
${script}
case "$1 $2" in
  "users list") echo '[{"id":1,"name":"me","created_at":{"seconds":1700000000}}]' ;;
  "preauthkeys create") echo '{"user":{"id":1},"id":7,"key":"hskey-auth-7","expiration":{"seconds":1893456000,"nanos":5}}' ;;
  "nodes list") echo '[{"id":3,"name":"web","given_name":"web-1","ip_addresses":["100.64.0.3"],"last_seen":{"seconds":1}}]' ;;
  "nodes delete") echo '{"Result":"Node deleted"}' ;;
esac
`;
    await writeFile(join(folder, 'headscale'), text, { mode: 0o755 });
    return `${folder}:${process.env['PATH']}`;
  }
  const called = async (): Promise<string[]> => (await readFile(join(home, 'called'), 'utf8')).trim().split('\n');

  test('a tag that is written wrongly is named, with how tags are written', async () => {
    const says = 'case "$1" in preauthkeys) echo "Error: invalid tag: tag should be lowercase" >&2; exit 1 ;; esac';
    const { stderr } = await vmkit(['tailnet', 'key', '--tag', 'A B'], { NONE: '', PATH: await commandIn(home, says) });
    expect(stderr).toMatch(/not written as a tag is(.|\n)*tag:server(.|\n)*tagOwners/);
  });

  test('on its server its command is enough: it makes keys, lists nodes and removes one', async () => {
    const env = { NONE: '', PATH: await commandIn(home) };
    const minted = await vmkit(['tailnet', 'key', '--tag', 'a', '--tag', 'b', '--reusable', '--json'], env);
    expect(JSON.parse(minted.stdout)).toEqual({ key: 'hskey-auth-7', id: '7', expires: '2030-01-01T00:00:00.000Z' });
    expect((await vmkit(['tailnet', 'devices'], env)).stdout).toMatch(/^web-1 +100\.64\.0\.3 +seen \d+ d /m);
    expect((await vmkit(['tailnet', 'rm', 'web-1', '--yes'], env)).stdout).toContain('Removed web-1');
    const create = 'preauthkeys create --user 1 --reusable --expiration 3600s --tags tag:a,tag:b --output json';
    expect(await called()).toEqual(
      expect.arrayContaining([`  ${create}`, '  nodes delete --identifier 3 --force --output json']),
    );
  });

  test('where nothing answers at its address its command is asked, with the key in its environment', async () => {
    const { env } = await startHeadscale(['me']);
    const gone = { ...env, HEADSCALE_CLI_ADDRESS: 'http://127.0.0.1:9', PATH: await commandIn(home) };
    expect((await vmkit(['tailnet', 'key'], gone)).stdout).toBe('hskey-auth-7\n');
    expect((await called())[0]).toBe('http://127.0.0.1:9 hs-api users list --output json');
  });

  test.each([
    [`echo '{"error":"unable to read/write to headscale socket"}' >&2; exit 1`, /socket(.|\n)*group of its socket/],
    [`echo 'tags tag:x are invalid or not permitted' >&2; exit 1`, /not one that(.|\n)*tagOwners/],
    ['echo secret; exit 0', /does not understand/],
  ])('what it refuses is told: %s', async (script, told) => {
    const { stderr, exitCode } = await vmkit(['tailnet', 'key'], { NONE: '', PATH: await commandIn(home, script) });
    expect({ stderr, exitCode }).toEqual({ stderr: expect.stringMatching(told), exitCode: 6 });
    expect(stderr).not.toContain('secret');
  });
});
