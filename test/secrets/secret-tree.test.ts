import { describe, expect, it } from 'vitest';
import { secretTree } from '../../src/secrets/secret-tree.ts';
import { generateSecret } from '../../src/spec/secrets.ts';
import { uidOf } from '../../src/spec/uid.ts';
import { ownService, specWith } from '../support/spec.ts';

const spec = specWith('own', [
  ownService({
    name: 'hello',
    files: [
      { path: '/etc/hello.conf', mode: 0o644, owner: 'root', content: 'plain\n' },
      { path: '/run/hello/key', mode: 0o400, owner: 'hello', content: 'key={{secret:key}}\n' },
    ],
    secrets: [{ name: 'key', kind: 'hex', tell: undefined }],
  }),
]);
const tree = secretTree(spec, {
  secrets: new Map([['hello/key', 'from-a-test']]),
  authorizedKey: 'ssh-ed25519 AAAA',
  hostKey: new Uint8Array([1]),
  now: 1_800_000_000,
});
const at = (path: string) => tree.find((entry) => entry.path === path);

describe('the secrets disk', () => {
  it('gives each secret to its user alone', () => {
    const uid = uidOf('hello');
    expect(at('run/secrets/hello/key')).toMatchObject({ mode: 0o400, uid, gid: uid, content: 'from-a-test' });
    expect(at('run/secrets/hello')).toMatchObject({ mode: 0o500, uid });
  });

  it('holds the files with a secret in them, and no others', () => {
    expect(at('run/hello/key')).toMatchObject({ mode: 0o400, content: 'key=from-a-test\n' });
    expect(at('etc/hello.conf')).toBeUndefined();
  });

  it("holds the public half of another's key, and never its private one", () => {
    const service = ownService({
      name: 'tunnel',
      user: 'root',
      files: [{ path: '/run/peers', mode: 0o400, owner: 'root', content: '{{public:phone}}\n' }],
      secrets: [{ name: 'phone', kind: 'wireguard', tell: undefined, isHostOnly: true }],
    });
    const secrets = new Map([['tunnel/phone', 'dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=']]);
    const boot = { secrets, authorizedKey: '', hostKey: new Uint8Array(), now: 0 };
    const all = secretTree(specWith('own', [service]), boot);
    // RFC 7748, section 6.1.
    const content = 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n';
    expect(all).toContainEqual({ kind: 'file', path: 'run/peers', mode: 0o400, uid: 0, gid: 0, content });
    expect(all.filter(({ path }) => path.startsWith('run/secrets/tunnel'))).toEqual([]);
    expect(JSON.stringify(all)).not.toContain('dwdtCnMY');
  });

  it('names a secret that was never made', () => {
    const boot = { secrets: new Map(), authorizedKey: '', hostKey: new Uint8Array(), now: 0 };
    expect(() => secretTree(spec, boot)).toThrow('hello/key');
  });
});

describe('a new secret', () => {
  it.each([
    ['password', /^[A-Za-z2-9]{24}$/],
    ['key', /^[\w-]{43}$/],
    ['hex', /^[0-9a-f]{64}$/],
    ['wireguard', /^[A-Za-z0-9+/]{43}=$/],
    ['jwt', /^eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\.[\w-]+\.[\w-]{43}$/],
  ] as const)('of kind %s has its form, and is another one each time', (kind, form) => {
    const made = generateSecret(kind, 1_800_000_000);
    expect(made).toMatch(form);
    expect(generateSecret(kind, 1_800_000_000)).not.toBe(made);
  });
});

describe('uidOf', () => {
  it('gives root 0 and each name the same id for ever: data disks depend on it', () => {
    expect(uidOf('root')).toBe(0);
    expect([uidOf('postgres'), uidOf('miniflux'), uidOf('git')]).toMatchInlineSnapshot(`
      [
        38352,
        44859,
        41378,
      ]
    `);
  });
});
