import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TEST_UID } from '../hosts/sshd.ts';

/**
 * A program in QEMU's place that plays the guest of `notes` below in tenths of a second, so that many rounds of what vmkit does with disks and boots cost little. Of
 * the real one it has: the files that it is given open, the control socket, the guest's events, its ports, and a clean stop when somebody logs in or presses the power key.
 */
const STAND_IN = `#!${process.execPath}
const { createServer } = require('node:net');
const fs = require('node:fs');
const argv = process.argv.slice(2);
if (argv.includes('--version')) { console.log('QEMU emulator version 7.2.0 (stand-in)'); process.exit(0); }
if (!argv.includes('-append')) process.exit(0);
const all = argv.join(' ');
const fd = (pattern) => Number(pattern.exec(all)[1]);
const data = fd(/node-name=vmkit-data,[^ ]*fdset\\/(\\d+)/);
const events = fd(/id=events,[^ ]*fdset\\/(\\d+)/);
const initramfs = fs.readFileSync(fd(/-initrd \\/proc\\/self\\/fd\\/(\\d+)/), 'latin1');
const say = (event) => fs.writeSync(events, JSON.stringify({ uptime: process.uptime(), ...event }) + '\\n');
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
// Where a new ext4 of 64 MiB has nothing.
const AT = 50 * 1024 * 1024;
const read = () => { const bytes = Buffer.alloc(4096); fs.readSync(data, bytes, 0, 4096, AT); return bytes.toString().replace(/\\0.*$/s, ''); };
const powerOff = async () => { say({ event: 'stopping' }); await rest(100); say({ event: 'stopped', forced: false }); process.exit(0); };
for (const [, host, guest] of all.matchAll(/hostfwd=tcp:127.0.0.1:(\\d+)-[\\d.]+:(\\d+)/g)) {
  createServer((client) => {
    client.on('error', () => undefined);
    if (guest !== '8000') client.write('SSH-2.0-stand-in\\r\\n');
    client.once('data', () => {
      if (guest !== '8000') return powerOff();
      const body = read();
      client.end('HTTP/1.1 200 OK\\r\\nconnection: close\\r\\ncontent-length: ' + body.length + '\\r\\n\\r\\n' + body);
    });
  }).listen(Number(host), '127.0.0.1');
}
createServer((client) => {
  client.on('error', () => undefined);
  client.write('{"QMP": {"version": {}, "capabilities": []}}\\r\\n');
  client.on('data', (piece) => {
    for (const line of String(piece).trim().split('\\n')) {
      const { execute, id } = JSON.parse(line);
      client.write(JSON.stringify({ return: execute === 'query-status' ? { status: 'running' } : {}, id }) + '\\r\\n');
      if (execute === 'quit') process.exit(0);
      if (execute === 'system_powerdown') void powerOff();
    }
  });
}).listen('qmp.sock');
void (async () => {
  for (const phase of ['init', 'root', 'secrets', 'clock', 'network', 'data-disk', 'supervisor']) { say({ event: 'phase', phase }); await rest(30); }
  for (const service of ['ssh', 'notes']) say({ event: 'start', service });
  say({ event: 'ready', service: 'ssh' });
  const version = /echo (\\w+) >>\\/data\\/notes\\/versions/.exec(initramfs)[1];
  if (!read().endsWith(version + '\\n')) { fs.writeSync(data, read() + version + '\\n', AT); fs.fsyncSync(data); }
  await rest(300);
  const [, where] = /# broken (here|there)/.exec(initramfs) ?? [];
  if (where === 'here' || (where === 'there' && process.getuid() === ${TEST_UID})) return say({ event: 'late', service: 'notes', log: '' });
  say({ event: 'ready', service: 'notes' });
  say({ event: 'booted' });
})();
`;

const READY = '/run/vmkit/busybox nc -w 5 127.0.0.1 8000 -e /bin/true';

/** A machine with one service, which writes its version on the data disk before it is asked whether it is ready, and answers with all that ever wrote there. */
export function notes(
  version: string,
  port: number,
  { isBroken }: { isBroken?: 'here' | 'there' | undefined } = {},
): string {
  return `memory: 256MiB
data: 64MiB
rollback: auto
network: { kind: user, world: none }
services:
  - name: notes
    setup: echo ${version} >>/data/notes/versions
    run: exec /run/vmkit/busybox httpd -f -p 8000 -h /data/notes
    ready: { check: "${isBroken === 'here' ? 'false' : READY}${isBroken === undefined ? '' : ` # broken ${isBroken}`}", within: ${isBroken === undefined ? '60s' : '4s'} }
    ports: [{ name: web, port: 8000, protocol: http, host: ${port} }]
`;
}

/** What ever wrote to the disk of `notes`, as a client sees it. */
export async function versionsAt(port: number): Promise<string[]> {
  const text = await (await fetch(`http://127.0.0.1:${port}/versions`)).text();
  return [...new Set(text.trim().split('\n'))];
}

/** A folder with it as `qemu-system-x86_64`, which every user may enter. Whoever asks for it removes it. */
export async function monitorStandIn(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vmkit-monitor-'));
  await chmod(folder, 0o755);
  await writeFile(join(folder, 'qemu-system-x86_64'), STAND_IN, { mode: 0o755 });
  return folder;
}
