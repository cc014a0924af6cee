import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf, VmkitError } from '../../../core/errors/errors.ts';
import { parseJson } from '../../../core/text/json.ts';
import type { Context } from '../../../host/context.ts';
import { memoryFolder } from '../../../host/local/files/memory-folder.ts';
import { relayOutside } from '../../../net/datagram-relay.ts';
import { isAnswered } from '../../../net/dial.ts';
import type { Endpoint } from '../../../net/endpoint.ts';
import type { Question } from '../../../net/question.ts';
import { openUdp } from '../../../net/udp-channel.ts';
import type { Observation } from '../../observation.ts';
import { peerDial } from '../peer/dial-observation.ts';
import { dialTwice, type Watcher } from '../peer/followed-dial.ts';
import { type NebulaClientFacts, toldBy } from './nebula-facts.ts';
import { type InsideAnswer, type InsideRequest, insideAnswer } from './nebula-inside.ts';

/** As a client looks from this computer, wherever the machine is. */
export interface NebulaLook {
  /** The program, on this computer. */
  readonly nebula: string;
  /** The client's whole configuration for an endpoint; it holds a private key. */
  readonly config: (endpoint: string) => string;
  readonly client: string;
  /** Where the host's UDP port is dialled. */
  readonly endpoint: Endpoint;
  /** In the overlay. */
  readonly address: string;
  readonly port: number;
  /** What makes the service speak. */
  readonly question: Question;
  /** Reads the end of the guest's log. */
  readonly guestLog: () => Promise<Observation | undefined>;
  /** The same from before; undefined: nobody has read it yet. */
  readonly logBefore: Observation | undefined;
  readonly watcher: Watcher;
}

/** Handshakes are sent for 5.5 s (nebula's handshakes.try_interval and retries), then the client gives up. */
const DIAL_MS = 7_000;

type Looked = { readonly client: NebulaClientFacts } | { readonly whyUntried: string };

/**
 * Dials the machine through a node of Nebula of vmkit's own, in a network namespace of its own, so that this computer's network stays as it is. That takes no root
 * where users may make namespaces. Where there can be no node, the reason. `context` is this computer's.
 */
export async function lookByNebula(look: NebulaLook, context: Context): Promise<Looked> {
  const { endpoint, address, port } = look;
  const folder = await memoryFolder('vmkit-nebula-');
  const relaySocket = join(folder, 'relay');
  const relay = await relayOutside(relaySocket, endpoint);
  try {
    const config = join(folder, 'config.yml');
    await context.host.write(config, look.config(`127.0.0.1:${endpoint.port}`), 0o600);
    const [asked, logBefore] = await Promise.all([askPort(endpoint), look.logBefore ?? look.guestLog()]);
    const answer = await dialTwice(
      (dialMs) => {
        const file = join(folder, `request-${dialMs}.json`);
        const { nebula, question } = look;
        const request = { nebula, config, relaySocket, relayPort: endpoint.port, address, port, question, dialMs };
        return dialInside(request, file, context);
      },
      ({ dial }) => dial !== undefined && isAnswered(dial),
      DIAL_MS,
      look.watcher,
    );
    if (answer.dial === undefined) return { whyUntried: `no node of Nebula here: ${answer.error ?? 'it was ended'}` };
    const { firstByteMs, ...end } = answer.dial;
    const handshake = handshakeIn(answer.log, relay.counts);
    const client = {
      title: `node ${look.client} of its Nebula overlay, on this computer`,
      ask: asked,
      sentFrom: relay.port,
      address: answer.address,
      handshake,
      dial: peerDial({ address, port }, { ...end, firstByteMs }),
      logBefore,
      guestLog: handshake.exitCode === 0 && isAnswered(answer.dial) ? undefined : await look.guestLog(),
    };
    return { client };
  } finally {
    relay.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** As root a network namespace is enough; a user needs a user namespace around it (unshare(1)). */
function unshareArgv(isRoot: boolean): string[] {
  return ['unshare', ...(isRoot ? [] : ['--user', '--map-root-user']), '--net', '--'];
}

async function dialInside(request: InsideRequest, file: string, { host, signal }: Context): Promise<InsideAnswer> {
  // Beside this file in the bundle.
  const program = fileURLToPath(new URL('./nebula-inside.js', import.meta.url));
  const { isRoot } = await host.facts();
  await host.write(file, JSON.stringify(request), 0o600);
  try {
    const argv = [...unshareArgv(isRoot), process.execPath, program, file];
    const { exitCode, stdout, stderr } = await host.exec(argv, { withinMs: 30_000, signal });
    const answer = parseJson(stdout, insideAnswer);
    return answer ?? { log: '', error: stderr.trim().split('\n')[0] || `unshare ended with ${exitCode}` };
  } catch (error) {
    if (error instanceof VmkitError && error.kind === 'interrupted') throw error;
    return { log: '', error: messageOf(error) };
  }
}

/**
 * A message of a tunnel that nobody knows: version 1, type message, a remote index and a counter (nebula, header/header.go), and 16 bytes for a tag. The answer
 * is a recv_error, type 2, with the same index.
 */
const UNKNOWN_TUNNEL: Uint8Array = Buffer.concat([
  Buffer.from([0x11, 0, 0, 0, 0x76, 0x6d, 0x6b, 0x69, 0, 0, 0, 0, 0, 0, 0, 1]),
  Buffer.alloc(16),
]);

async function askPort(endpoint: Endpoint): Promise<Observation> {
  const { answer, error } = await ask(endpoint, UNKNOWN_TUNNEL);
  const command = `send a packet of an unknown tunnel to udp ${endpoint.address}:${endpoint.port}`;
  if (answer === undefined) return { vantage: 'host', command, output: error ?? 'no answer within 2 s', exitCode: 1 };
  const isNebula = answer[0] === 0x12;
  const output = isNebula ? 'recv_error: Nebula answers' : 'an answer that is not of Nebula';
  return { vantage: 'host', command, output, exitCode: isNebula ? 0 : 1 };
}

/** Four times in 2 s: a datagram may be lost, the first one on the way of the ARP. */
async function ask(
  endpoint: Endpoint,
  message: Uint8Array,
): Promise<{ answer?: Buffer | undefined; error?: string | undefined }> {
  const channel = await openUdp(endpoint);
  try {
    let answer: Buffer | undefined;
    for (let tried = 0; tried < 4 && answer === undefined; tried++) {
      channel.send(message);
      answer = await channel.next(500);
    }
    return { answer, error: channel.error() };
  } finally {
    channel.close();
  }
}

/** The lines of a client's log that tell of handshakes. */
function handshakeIn(log: string, counts: { readonly sent: number; readonly received: number }): Observation {
  const lines = log.split('\n').filter((line) => /handshake|certificate/i.test(line));
  const told = lines.map(toldBy);
  const output = [...told, `${counts.sent} datagrams sent, ${counts.received} received`].join('\n');
  const exitCode = told.includes('Handshake message received') ? 0 : 1;
  return { vantage: 'peer', command: 'nebula -config probe.yml', output, exitCode };
}
