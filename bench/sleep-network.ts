import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { execa } from 'execa';
import { NAMESPACES } from '../test/support/tailnet/tailnet.ts';

/** A computer and its router, each in a network namespace, below a tailnet's servers. The router has two uplinks, and a LAN behind each. */
export interface Behind {
  readonly computer: string;
  /** The router gets another address from its provider: each connection has another address and port outside, and what it knew of those before is gone. */
  rebind(): Promise<string>;
  /** As a laptop that goes from one network to another. Returns the new address outside. */
  changeUplink(): Promise<string>;
  /** Writes the computer's resolv.conf. */
  setResolver(address: string): Promise<void>;
  remove(): Promise<void>;
}

/** A router as at home: it lets answers in, and nothing else; and tells nobody that it forgot a connection. */
const ROUTER = `table ip router {
  chain out { type nat hook postrouting priority srcnat; oifname "wan*" masquerade; }
  chain through {
    type filter hook forward priority filter;
    ct state invalid drop
    iifname "wan*" ct state new drop
  }
  chain in { type filter hook input priority filter; iifname "wan*" drop; }
}
`;

/** `at`: 0 to 9; each has networks of its own. */
export async function startBehind(at: number, resolver: string): Promise<Behind> {
  const { hub } = NAMESPACES;
  const [computer, router] = [`vmkit-sleeper${at}-${process.pid}`, `vmkit-router${at}-${process.pid}`];
  const settings = `/etc/netns/${computer}`;
  const outside = (uplink: number, host: number): string => `10.9${7 + uplink}.${at}.${host}`;
  await run(['netns', 'add', computer], ['netns', 'add', router]);
  for (const name of [computer, router]) await run(['-n', name, 'link', 'set', 'lo', 'up']);
  for (const uplink of [0, 1]) {
    const [lan, wan, table] = [`lan${uplink}`, `wan${uplink}`, String(100 + uplink)];
    await run(
      ['-n', router, 'link', 'add', lan, 'type', 'veth', 'peer', 'name', `eth${uplink}`, 'netns', computer],
      ['-n', router, 'address', 'add', `192.168.5${uplink}.1/24`, 'dev', lan],
      ['-n', router, 'link', 'set', lan, 'up'],
      ['-n', hub, 'link', 'add', `${wan}-${at}`, 'type', 'veth', 'peer', 'name', wan, 'netns', router],
      ['-n', hub, 'address', 'add', `${outside(uplink, 1)}/24`, 'dev', `${wan}-${at}`],
      ['-n', hub, 'link', 'set', `${wan}-${at}`, 'up'],
      ['-n', router, 'address', 'add', `${outside(uplink, 2)}/24`, 'dev', wan],
      ['-n', router, 'link', 'set', wan, 'up'],
      ['-n', router, 'route', 'add', 'default', 'via', outside(uplink, 1), 'table', table],
      ['-n', router, 'rule', 'add', 'iif', lan, 'lookup', table],
    );
  }
  const inRouter = ['ip', 'netns', 'exec', router];
  await execa('ip', [...inRouter.slice(1), 'sysctl', '-q', '-w', 'net.ipv4.ip_forward=1']);
  await execa('ip', [...inRouter.slice(1), 'nft', '-f', '-'], { input: ROUTER });
  await execa('ip', [...inRouter.slice(1), 'sysctl', '-q', '-w', 'net.netfilter.nf_conntrack_tcp_loose=0']);
  await mkdir(settings, { recursive: true });
  const setResolver = (address: string): Promise<void> =>
    writeFile(`${settings}/resolv.conf`, `nameserver ${address}\n`);
  await setResolver(resolver);
  let uplink = 0;
  const hosts = [2, 2];
  const plug = async (): Promise<void> => {
    const eth = `eth${uplink}`;
    await run(
      ['-n', computer, 'link', 'set', eth, 'up'],
      ['-n', computer, 'address', 'replace', `192.168.5${uplink}.2/24`, 'dev', eth],
      ['-n', computer, 'route', 'replace', 'default', 'via', `192.168.5${uplink}.1`, 'dev', eth],
    );
  };
  await plug();
  return {
    computer,
    rebind: async () => {
      const [wan, old] = [`wan${uplink}`, hosts[uplink] ?? 2];
      hosts[uplink] = old + 1;
      // What is masqueraded by an address that goes is forgotten (nf_nat_masquerade.c).
      await run(
        ['-n', router, 'address', 'delete', `${outside(uplink, old)}/24`, 'dev', wan],
        ['-n', router, 'address', 'add', `${outside(uplink, old + 1)}/24`, 'dev', wan],
        ['-n', router, 'route', 'replace', 'default', 'via', outside(uplink, 1), 'table', String(100 + uplink)],
      );
      return outside(uplink, old + 1);
    },
    changeUplink: async () => {
      await run(['-n', computer, 'link', 'set', `eth${uplink}`, 'down']);
      uplink = 1 - uplink;
      await plug();
      return outside(uplink, hosts[uplink] ?? 2);
    },
    setResolver,
    remove: async () => {
      await run(['netns', 'delete', computer], ['netns', 'delete', router]);
      await rm(settings, { recursive: true, force: true });
    },
  };
}

async function run(...commands: readonly (readonly string[])[]): Promise<void> {
  for (const args of commands) await execa('ip', args);
}

/** A name server in the hub's namespace: each name is that address. */
export function nameServer(listens: string, answer: string): ChildProcess {
  const argv = ['netns', 'exec', NAMESPACES.hub, process.execPath, '-e', NAME_SERVER, listens, answer];
  return spawn('ip', argv, { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** RFC 1035, 4.1: the question, and for type A the answer that points to its name. */
const NAME_SERVER = `const [listens, answer] = process.argv.slice(1);
const socket = require('dgram').createSocket('udp4');
socket.on('message', (question, from) => {
  let end = 12;
  while (question[end] !== 0) end += question[end] + 1;
  const isAddress = question.readUInt16BE(end + 1) === 1;
  const head = Buffer.from(question.subarray(0, end + 5));
  head.writeUInt16BE(0x8580, 2);
  head.writeUInt16BE(isAddress ? 1 : 0, 6);
  head.fill(0, 8, 12);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...answer.split('.').map(Number)]);
  socket.send(isAddress ? Buffer.concat([head, record]) : head, from.port, from.address);
}).bind(53, listens);`;
