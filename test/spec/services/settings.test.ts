import { describe, expect, test } from 'vitest';
import { forgejo } from '../../../src/spec/services/forgejo/forgejo.ts';
import { postgres } from '../../../src/spec/services/postgres/postgres.ts';
import { parse } from '../../support/definition.ts';

const contentOf = (
  service: { readonly files: readonly { readonly path: string; readonly content: string }[] },
  end: string,
): string => service.files.find(({ path }) => path.endsWith(end))?.content ?? '';

describe('settings of PostgreSQL', () => {
  test('take the place of what vmkit would choose, and others follow', async () => {
    const settings = {
      shared_buffers: '256MB',
      work_mem: '16MB',
      'auto_explain.log_min_duration': 250,
      autovacuum: false,
      log_line_prefix: "it's a \\ ",
    };
    await expect(contentOf(postgres.create({ settings }), 'postgresql.conf')).toMatchFileSnapshot(
      '../../golden/postgresql-settings.conf',
    );
  });

  test('without any nothing changes', () => {
    const plain = contentOf(postgres.create({}), 'postgresql.conf');
    expect(plain).not.toContain('vm.yaml');
    expect(plain.endsWith("log_timezone = 'UTC'\n")).toBe(true);
  });
});

describe('settings of Forgejo', () => {
  const settings = {
    DEFAULT: { APP_NAME: 'Our; forge' },
    server: { SSH_DOMAIN: 'git.example.org' },
    mailer: { ENABLED: true, SMTP_ADDR: 'mail.example.org', SMTP_PORT: 587, PASSWD: { secret: 'mail-password' } },
    'cron.update_checker': { ENABLED: true },
  };

  test('app.ini has them where they belong', async () => {
    await expect(contentOf(forgejo.create({ settings }), 'app.ini')).toMatchFileSnapshot(
      '../../golden/forgejo-settings.ini',
    );
  });

  test('without any app.ini is as it was', () => {
    expect(contentOf(forgejo.create({}), 'app.ini')).toBe(contentOf(forgejo.create({ settings: {} }), 'app.ini'));
  });

  test('a secret is given by a person, kept, and in no image', () => {
    const { secrets } = forgejo.create({ settings });
    expect(secrets.find(({ name }) => name === 'mail-password')?.given).toEqual({
      variable: 'VMKIT_MAIL_PASSWORD',
      title: 'mail-password of Forgejo',
      isKept: true,
    });
  });
});

test.each([
  ['postgres', 'port: 1', 'port', 'port: of the service'],
  ['postgres', 'fsync: off', 'fsync', 'a power cut loses data'],
  ['postgres', 'Work_Mem: 1MB', 'Work_Mem', 'small letters'],
  ['forgejo', 'server: { HTTP_PORT: 80 }', 'server.HTTP_PORT', 'url: and port: of the service'],
  ['forgejo', 'security: { SECRET_KEY: x }', 'security.SECRET_KEY', "with the machine's secrets"],
  ['forgejo', 'mailer: { FROM: "a`b" }', 'FROM', 'without line breaks'],
])('%s, settings %s: refused, with what vmkit sets and where', (use, setting, key, instead) => {
  const needed = use === 'postgres' ? '' : '  - use: postgres\n';
  const { problems } = parse(
    `name: x\nmemory: 1GiB\ndata: 1GiB\nservices:\n${needed}  - use: ${use}\n    settings: { ${setting} }\n`,
  );
  const said = JSON.stringify(problems);
  expect(said).toContain(key);
  expect(said).toContain(instead);
});
