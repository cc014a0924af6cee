import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { parseVm } from '../../../src/spec/read/parse.ts';
import { writeNames } from '../../../src/spec/services/tailscale/tailscale-hosts.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const STATUS = {
  Version: '1.2.3',
  BackendState: 'Running',
  TailscaleIPs: ['100.64.0.1'],
  Self: { HostName: 'me', DNSName: 'me.tailnet.test.', TailscaleIPs: ['100.64.0.1', 'fd7a::1'], Relay: '' },
  Peer: {
    a: { DNSName: 'web.tailnet.test.', TailscaleIPs: ['100.64.0.2', 'fd7a::2'], AllowedIPs: ['10.0.0.0/8'] },
    b: { DNSName: 'web.other.test.', TailscaleIPs: ['100.64.0.3'] },
    c: { DNSName: 'printer.tailnet.test.', TailscaleIPs: ['100.64.0.4'] },
    d: { DNSName: 'localhost.tailnet.test.', TailscaleIPs: ['100.64.0.5'] },
    e: { DNSName: 'x y.tailnet.test.', TailscaleIPs: ['100.64.0.6'] },
    f: { DNSName: '', TailscaleIPs: ['100.64.0.7'] },
  },
};

async function written(hosts: string, times = 1): Promise<{ hosts: string; said: string }> {
  const folder = await temporaryFolder();
  const file = join(folder, 'hosts');
  await writeFile(file, hosts);
  await writeFile(join(folder, 'status.json'), JSON.stringify(STATUS, null, 2));
  await writeFile(join(folder, 'tailscale'), `#!/bin/sh\ncat ${folder}/status.json\n`);
  await chmod(join(folder, 'tailscale'), 0o755);
  const script = `set -eu; d=${folder}; : >$d/told\n${writeNames()}${`write_names ${file}\n`.repeat(times)}`;
  const { stdout } = await execa('sh', ['-c', script], { env: { PATH: `${folder}:${process.env['PATH']}` } });
  return { hosts: await readFile(file, 'utf8'), said: stdout };
}

const BLOCK = `# Names of the tailnet, by vmkit: it replaces the lines up to the end.
100.64.0.1 me.tailnet.test me
fd7a::1 me.tailnet.test me
100.64.0.2 web.tailnet.test web
fd7a::2 web.tailnet.test web
100.64.0.3 web.other.test
100.64.0.4 printer.tailnet.test
100.64.0.5 localhost.tailnet.test
# End of the names of the tailnet.
`;

test("a guest's hosts file gets the tailnet's names; a name that another line has stays, and is told once", async () => {
  const own = '127.0.0.1 localhost web-vm\n# printer\n10.0.0.9 Printer # by hand\n';
  expect(await written(own, 3)).toEqual({ hosts: own + BLOCK, said: 'printer stays 10.0.0.9' });
});

test('a block that is there is replaced, and what stands behind a begin without an end stays', async () => {
  const begin = BLOCK.split('\n')[0];
  const { hosts } = await written(`10.0.0.9 printer\n${BLOCK}10.0.0.8 after\n${begin}\n10.0.0.7 last\n`);
  expect(hosts).toBe(`10.0.0.9 printer\n10.0.0.8 after\n10.0.0.7 last\n${BLOCK}`);
});

test('`hosts: true` is a service of its own, that waits for the node', () => {
  const vm = (hosts: string): string => `name: web
memory: 256MiB
data: 64MiB
services:
  - use: tailscale
${hosts}`;
  const names = (text: string) => parseVm(text, '/vm').spec?.services.map(({ name }) => name);
  expect(names(vm('    hosts: true\n'))).toContain('tailscale-hosts');
  expect(names(vm(''))).not.toContain('tailscale-hosts');
});
