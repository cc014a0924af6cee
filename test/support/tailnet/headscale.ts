import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { poll } from '../../../src/core/deadline.ts';
import { freePort } from '../../../src/net/tcp.ts';

/** The executable of a real headscale; the tests of it are skipped without one. */
export const HEADSCALE = process.env['VMKIT_HEADSCALE'];

/** A real headscale on loopback, with one user, `me`, who owns tag:web. */
export interface Headscale {
  readonly url: string;
  /** On its server: the folder with its configuration, and for PATH one with its command. */
  readonly folder: string;
  readonly bin: string;
  /** Its command; what it printed as JSON. */
  command(...words: string[]): Promise<unknown>;
  stop(): Promise<void>;
}

export async function startHeadscale(program: string): Promise<Headscale> {
  const folder = await mkdtemp(join(tmpdir(), 'vmkit-headscale-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  await writeFile(join(folder, 'config.yaml'), configuration(folder, url, port));
  await writeFile(join(folder, 'derp.yaml'), RELAY);
  await writeFile(join(folder, 'policy.json'), POLICY);
  const bin = await mkdtemp(join(folder, 'bin-'));
  await symlink(program, join(bin, 'headscale'));
  const server = spawn(program, ['serve'], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  server.stderr.on('data', (text) => (said += String(text)));
  const isUp = await poll(
    async () => ((await fetch(`${url}/health`).catch(() => undefined))?.ok === true ? true : undefined),
    { withinMs: 30_000 },
  );
  if (isUp !== true) throw new Error(`headscale did not start: ${said}`);
  const command = async (...words: string[]): Promise<unknown> =>
    JSON.parse((await execa(program, [...words, '--output', 'json'], { cwd: folder })).stdout);
  await command('users', 'create', 'me');
  return {
    ...{ url, folder, bin, command },
    stop: async () => {
      const ended = once(server, 'close');
      server.kill();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configuration(folder: string, url: string, port: number): string {
  return `server_url: ${url}
listen_addr: 127.0.0.1:${port}
metrics_listen_addr: ''
noise: { private_key_path: ${folder}/noise.key }
prefixes: { v4: 100.64.0.0/10, v6: 'fd7a:115c:a1e0::/48' }
derp: { server: { enabled: false }, urls: [], paths: [${folder}/derp.yaml], auto_update_enabled: false }
disable_check_updates: true
database: { type: sqlite, sqlite: { path: ${folder}/db.sqlite } }
policy: { mode: file, path: ${folder}/policy.json }
dns: { magic_dns: true, base_domain: tailnet.test, override_local_dns: false, nameservers: { global: [] } }
unix_socket: ${folder}/headscale.sock
log: { level: warn }
`;
}

/** headscale wants one; nobody is there. */
const RELAY = `regions:
  900:
    regionid: 900
    regioncode: none
    regionname: None
    nodes: [{ name: 900a, regionid: 900, hostname: 127.0.0.1, ipv4: 127.0.0.1, derpport: 9 }]
`;

const POLICY = JSON.stringify({
  tagOwners: { 'tag:web': ['me@'], 'tag:other': ['me@'] },
  acls: [{ action: 'accept', src: ['*'], dst: ['*:*'] }],
});
