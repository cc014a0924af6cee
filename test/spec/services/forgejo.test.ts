import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { forgejo } from '../../../src/spec/services/forgejo/forgejo.ts';

const service = forgejo.create({});
const [config] = service.files;

describe('the service forgejo', () => {
  it('generates app.ini', async () => {
    await expect(config?.content).toMatchFileSnapshot('../../golden/forgejo-app.ini');
  });

  it('generates the script that makes the administrator', async () => {
    await expect(service.afterReady).toMatchFileSnapshot('../../golden/forgejo-after-ready.txt');
    execFileSync('sh', ['-n'], { input: service.afterReady });
  });

  it('takes ports, name and URL to every place where they belong', () => {
    const other = forgejo.create({ port: 3100, sshPort: 2200, admin: 'ada', url: 'https://git.example.org/forge/' });
    expect(JSON.stringify(other)).not.toMatch(/3000|2222/);
    expect(other.afterReady).not.toContain('owner');
    expect(other.files[0]?.content).toContain('ROOT_URL = https://git.example.org/forge/\n');
    expect(other.files[0]?.content).toContain('SSH_DOMAIN = git.example.org\n');
    expect(other.secrets[0]?.tell).toBe('Forgejo administrator ada');
  });

  it('leaves its configuration to nobody but its user', () => {
    expect(config).toMatchObject({ owner: service.user, mode: 0o600 });
    const placeholders = [...(config?.content ?? '').matchAll(/\{\{secret:([^}]+)\}\}/g)].map(([, name]) => name);
    expect(placeholders.sort()).toEqual(
      service.secrets
        .map(({ name }) => name)
        .filter((name) => name !== 'admin-password')
        .sort(),
    );
  });

  it.each([
    ['admin', 'reserved by Forgejo'],
    ['ghost', 'reserved by Forgejo'],
    ['Ada', 'capital letters'],
    ['ada--b', 'two hyphens in a row'],
    ['ada"', 'a quote would end the text that holds it'],
  ])('refuses the administrator %s: %s', (admin) => {
    expect(forgejo.options.safeParse({ admin }).success).toBe(false);
  });

  it.each(['http://127.0.0.1:3000', 'ftp://example.org/', 'https://example.org/;x/', 'https://a b/'])(
    'refuses the URL %s',
    (url) => {
      expect(forgejo.options.safeParse({ url }).success).toBe(false);
    },
  );

  it('refuses ports that only root may take', () => {
    expect(forgejo.options.safeParse({ sshPort: 22 }).success).toBe(false);
  });
});
