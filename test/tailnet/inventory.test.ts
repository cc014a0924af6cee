import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { ansibleInventory } from '../../src/tailnet/inventory/ansible.ts';
import { inventoryOf } from '../../src/tailnet/inventory/inventory.ts';
import { sshConfig } from '../../src/tailnet/inventory/ssh-config.ts';
import { tailscaleStatus } from '../../src/tailnet/tailscale-json.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const status = (isTun: boolean) =>
  tailscaleStatus.parse({
    TUN: isTun,
    BackendState: 'Running',
    Self: { DNSName: 'laptop.tailnet.test.', TailscaleIPs: ['100.64.0.1'] },
    Peer: {
      a: {
        HostName: 'web',
        DNSName: 'web.tailnet.test.',
        TailscaleIPs: ['fd7a::2', '100.64.0.2'],
        Online: true,
        OS: 'linux',
        Tags: ['tag:a-b'],
      },
      b: { HostName: 'phone', DNSName: 'phone.tailnet.test.', TailscaleIPs: ['100.64.0.3'], Online: false, OS: 'iOS' },
      c: { HostName: 'web', DNSName: 'git.other.test.', TailscaleIPs: ['100.64.0.4'], Online: true, OS: 'linux' },
    },
  });
const login = {
  machine: 'my-web',
  hostname: 'web',
  user: 'root' as const,
  identityFile: "/home/o'neil/100%/client_key",
  hostKey: 'ssh-ed25519 AAAA',
};
const inventory = (isTun: boolean) => {
  const tailscale = ['/opt/my tools/tailscale', '--socket=/run/x.sock'];
  return inventoryOf({ socket: '/run/x.sock', foundBy: 'process 7', pid: 7, tailscale, status: status(isTun) }, [
    login,
  ]);
};

test('ssh dials the address by itself where the system routes, else through tailscaled', async () => {
  await expect(sshConfig(inventory(true))).toMatchFileSnapshot('../golden/inventory/ssh-direct.txt');
  await expect(sshConfig(inventory(false))).toMatchFileSnapshot('../golden/inventory/ssh-through.txt');
});

test('Ansible gets the same, and groups', async () => {
  await expect(ansibleInventory(inventory(false))).toMatchFileSnapshot('../golden/inventory/ansible.yaml');
  expect(parse(ansibleInventory(inventory(true))).all.hosts.phone).toEqual({ ansible_host: '100.64.0.3' });
});

test('ssh itself reads it so', async () => {
  const file = join(await temporaryFolder(), 'config');
  await writeFile(file, sshConfig(inventory(false)));
  const { stdout } = await execa('ssh', ['-F', file, '-G', 'web']);
  expect(stdout.split('\n')).toEqual(
    expect.arrayContaining([
      'hostname 100.64.0.2',
      'user root',
      "identityfile /home/o'neil/100%%/client_key",
      'hostkeyalias vmkit-my-web',
      "proxycommand '/opt/my tools/tailscale' --socket=/run/x.sock nc %h %p",
    ]),
  );
});
