import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { forgejo } from '../../../src/spec/services/forgejo/forgejo.ts';
import { forgejoRunner } from '../../../src/spec/services/forgejo/forgejo-runner.ts';
import { serveHttp } from '../../support/stand-ins/http-server.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const TOKEN = '0123456789abcdef0123456789abcdef01234567';
const run = promisify(execFile);

describe('the service forgejo-runner', () => {
  const service = forgejoRunner.create({
    name: 'ci',
    forgejo: { machine: 'forge', address: '192.168.100.2' },
    labels: ['docker:docker://example.org/node:20'],
  });

  it('generates the scripts and the configuration', async () => {
    const [config] = service.files;
    const parts = [service.setup, service.run, service.ready.check, config?.content];
    await expect(parts.join('\n--\n')).toMatchFileSnapshot('../../golden/forgejo-runner.txt');
    for (const script of [service.setup, service.run, service.ready.check])
      execFileSync('sh', ['-n'], { input: script });
  });

  it('is known by the secret that Forgejo made for its name', () => {
    expect(service.secrets).toEqual([
      expect.objectContaining({ from: { machine: 'forge', service: 'forgejo', name: 'runner-ci' } }),
    ]);
    expect(forgejo.create({ runners: ['ci'] }).secrets).toContainEqual(
      expect.objectContaining({ name: 'runner-ci', kind: 'runner' }),
    );
  });

  it('waits until Forgejo answers it by its id and secret, and then has its registration', async () => {
    const asked: unknown[] = [];
    const url = await serveHttp((request, response) => {
      asked.push([request.url, request.headers['x-runner-uuid'], request.headers['x-runner-token']]);
      // Forgejo is up before it knows the runner.
      if (asked.length === 1) response.writeHead(401).end('{"message":"unregistered runner"}');
      else response.end('{}');
    });
    const folder = await temporaryFolder();
    mkdirSync(join(folder, 'secrets/forgejo-runner'), { recursive: true });
    writeFileSync(join(folder, 'secrets/forgejo-runner/token'), `${TOKEN}\n`);
    const script = `${service.setup}`
      .replaceAll('http://192.168.100.2:3000', url)
      .replaceAll('/run/secrets', join(folder, 'secrets'))
      .replaceAll('/run/forgejo-runner', join(folder, 'run'))
      .replaceAll('/data/forgejo-runner', join(folder, 'data'));
    const { stdout } = await run('sh', ['-euc', script], { timeout: 30_000 });
    expect(stdout).toContain('unregistered runner');
    // The first sixteen characters of the secret, as bytes.
    const id = '30313233-3435-3637-3839-616263646566';
    expect(asked).toEqual(Array.from({ length: 2 }, () => ['/api/actions/runner.v1.RunnerService/Declare', id, TOKEN]));
    expect(JSON.parse(readFileSync(join(folder, 'run/registration.json'), 'utf8'))).toMatchObject({
      uuid: id,
      name: 'ci',
      token: TOKEN,
      address: url,
      labels: ['docker:docker://example.org/node:20'],
    });
  });

  it.each([
    ['self:host', 'a job would run in the machine itself'],
    ["docker:docker://x'y", 'a quote would end the text that holds it'],
    ['docker', 'it names no image'],
  ])('refuses the label %s: %s', (label) => {
    const given = { forgejo: { machine: 'forge', address: '192.168.100.2' }, labels: [label] };
    expect(forgejoRunner.options.safeParse(given).success).toBe(false);
  });
});

it('Forgejo is told of a runner once, and again where the secret is another', async () => {
  const folder = await temporaryFolder();
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'secrets/forgejo'), { recursive: true });
  const tool = (name: string, script: string): void =>
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  tool('s6-setuidgid', 'shift\nexec "$@"');
  tool('forgejo', `echo "$*" >>${folder}/asked`);
  const { afterReady = '' } = forgejo.create({ runners: ['ci', 'big'] });
  const script = afterReady
    .slice(afterReady.indexOf('# Runners'), afterReady.indexOf("# The administrator's"))
    .replaceAll('/run/secrets', join(folder, 'secrets'))
    .replaceAll('/data/forgejo', folder);
  const register = (): void => {
    execFileSync('sh', ['-eu'], { input: script, env: { PATH: `${join(folder, 'bin')}:${process.env['PATH']}` } });
  };
  const secret = (name: string, text: string): void => writeFileSync(join(folder, 'secrets/forgejo', name), text);
  secret('runner-ci', TOKEN);
  secret('runner-big', TOKEN.replace('0', 'f'));
  register();
  register();
  secret('runner-ci', TOKEN.replace('1', 'f'));
  register();
  const asked = readFileSync(join(folder, 'asked'), 'utf8');
  expect(asked.match(/--name \S+/g)).toEqual(['--name ci', '--name big', '--name ci']);
  expect(asked).not.toContain(TOKEN);
});
