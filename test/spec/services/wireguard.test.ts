import { execFileSync, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseVm } from '../../../src/spec/read/parse.ts';
import { wireguard } from '../../../src/spec/services/wireguard.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const service = wireguard.create({ clients: ['phone', 'laptop'] });

describe('the service wireguard', () => {
  it('generates the scripts and the configuration', async () => {
    const { setup, run, ready, files } = service;
    const [config] = files;
    const parts = [
      ['setup', setup],
      ['run', run],
      ['ready', ready.check],
      [config?.path, config?.content],
    ];
    const text = parts.map(([title, content]) => `# ---- ${title}\n${content}`).join('\n');
    await expect(text).toMatchFileSnapshot('../../golden/wireguard.txt');
    for (const script of [setup, run, ready.check]) execFileSync('sh', ['-n'], { input: script });
  });

  it('says on its log that the kernel has no WireGuard', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'ip'), '#!/bin/sh\necho "Error: Unknown device type." >&2; exit 2\n', { mode: 0o755 });
    const { status, stdout } = spawnSync('/bin/sh', ['-eu'], {
      input: service.setup?.replaceAll('wg0', 'vmkit-none'),
      env: { PATH: folder },
      encoding: 'utf8',
    });
    expect([status, stdout]).toEqual([1, expect.stringContaining('This kernel has no WireGuard')]);
  });

  it('leaves the keys of clients on this host', () => {
    expect(service.secrets.filter(({ isHostOnly }) => isHostOnly !== true).map(({ name }) => name)).toEqual([
      'private-key',
    ]);
    const [config] = service.files;
    expect(config?.content).not.toContain('{{secret:client');
    expect(config).toMatchObject({ mode: 0o400, owner: 'root' });
  });

  it('gives a client that is added at the end the next address, and the others keep theirs', () => {
    const more = wireguard.create({ clients: ['phone', 'laptop', 'tablet'] }).wireguard?.clients;
    expect(more?.slice(0, 2)).toEqual(service.wireguard?.clients);
    expect(more?.[2]).toEqual({ name: 'tablet', address: '10.88.0.4', secret: 'client-tablet' });
    expect(more?.map(({ address }) => address)).not.toContain(service.wireguard?.probe.address);
  });
});

describe('a definition with it', () => {
  const problem = (options: string): string | undefined => {
    const text = `name: web\nmemory: 256MiB\ndata: 64MiB\nservices: [{ use: wireguard, ${options} }]\n`;
    const [first] = parseVm(text, '/vm').problems;
    return first?.expected ?? first?.message;
  };

  it.each([
    ['address: 10.88.0.1/24', undefined],
    ['address: 10.88.0.2/24', 'the first address of a private /24'],
    ['address: 10.88.0.1', 'the first address of a private /24'],
    ['address: 8.8.8.1/24', 'the first address of a private /24'],
    ['address: 10.0.2.1/24', 'the first address of a private /24'],
    ['clients: [phone, phone]', 'names that are all different'],
    ['clients: [probe]', 'another name: probe is the client of `vmkit probe`'],
    ['clients: [My Phone]', 'a name: at most 31 of a-z, 0-9 and -, a letter first'],
    ['endpoint: "host:51820/udp"', 'a name or an address of this host, without a port'],
    ['port: 0', 'a port, 1 to 65535'],
  ])('%s', (options, expected) => {
    expect(problem(options)).toBe(expected);
  });
});
