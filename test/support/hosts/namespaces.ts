import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { packageRoot } from '../../../src/core/package-root.ts';
import type { Host } from '../../../src/host/host.ts';
import { localHost } from '../../../src/host/local/local.ts';
import { isProgram, searchPath } from '../../../src/host/local/search-path.ts';

const PUMP = join(packageRoot(), 'test', 'support', 'hosts', 'tap-pump.pl');
/** Answers each connection with the address that it sees, once. */
const SERVER = `require('net').createServer((c) => c.on('error', () => 0).end(c.remoteAddress))
  .listen(Number(process.argv[1]), '::', () => console.log('ready'))`;
const CLIENT = `const c = require('net').connect(Number(process.argv[2]), process.argv[1]);
  c.setTimeout(1500, () => process.exit(1)).on('error', () => process.exit(1)).pipe(process.stdout)`;

let made = 0;

/** Why tests with network namespaces cannot run here, or undefined. */
export function whyNoNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, for network namespaces';
  const folders = searchPath(process.env['PATH'] ?? '');
  const missing = ['ip', 'nft', 'iptables', 'perl'].filter((name) => !isProgram(name, folders));
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}: vmkit doctor --setup --all`;
}

/** A network namespace of this test's own, as a host, with lo up. It is gone when the test has ended. */
export async function namespace(): Promise<Host & { readonly namespace: string }> {
  const name = `vmkit-test-${process.pid}-${made++}`;
  const local = localHost();
  await must(local, ['ip', 'netns', 'add', name]);
  onTestFinished(async () => void (await local.exec(['ip', 'netns', 'delete', name])));
  const host = namespaceHost(name);
  await must(host, ['ip', 'link', 'set', 'dev', 'lo', 'up']);
  return host;
}

/** A namespace that somebody else made, as a host. */
export function namespaceHost(name: string): Host & { readonly namespace: string } {
  const local = localHost();
  return {
    ...local,
    namespace: name,
    exec: (argv, options = {}) => local.exec(['ip', 'netns', 'exec', name, ...argv], options),
  };
}

/** Runs a command that has to succeed; what it printed. */
export async function must(host: Host, argv: readonly string[], input?: string): Promise<string> {
  const { exitCode, stdout, stderr } = await host.exec(argv, { input, withinMs: 20_000 });
  if (exitCode !== 0) throw new Error(`${argv.join(' ')}: ${exitCode} ${stderr}`);
  return stdout;
}

/** A server on this TCP port of a namespace, IPv4 and IPv6, until the test ends. */
export async function serve(host: { readonly namespace: string }, port: number): Promise<void> {
  await background(['ip', 'netns', 'exec', host.namespace, process.execPath, '-e', SERVER, String(port)]);
}

/** The address that the server there sees, or undefined if there is no answer. */
export async function reach(from: Host, address: string, port: number): Promise<string | undefined> {
  const { exitCode, stdout } = await from.exec([process.execPath, '-e', CLIENT, address, String(port)]);
  return exitCode === 0 && stdout !== '' ? stdout.replace(/^::ffff:/, '') : undefined;
}

/** Plugs eth0 of a guest namespace into a TAP of the host's, as a virtual machine would. */
export async function plug(
  host: { readonly namespace: string },
  tap: string,
  guest: { readonly namespace: string },
  folder: string,
): Promise<void> {
  const sockets = [join(folder, `${tap}.host`), join(folder, `${tap}.guest`)] as const;
  const enter = (namespace: string): string[] => ['ip', 'netns', 'exec', namespace, 'perl', PUMP];
  await background([...enter(host.namespace), tap, sockets[0], sockets[1]]);
  await background([...enter(guest.namespace), 'eth0', sockets[1], sockets[0]]);
}

async function background(argv: readonly string[]): Promise<void> {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => end(child));
  await Promise.race([
    once(child.stdout, 'data', { signal: AbortSignal.timeout(20_000) }),
    once(child, 'close').then(() => Promise.reject(new Error(`${argv.join(' ')} ended`))),
  ]);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}
