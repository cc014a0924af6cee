import { join } from 'node:path';
import * as z from 'zod';
import { VmkitError } from '../core/errors.ts';
import { formatAddress, parseAddress } from '../core/ipv4.ts';
import type { MachinePaths } from '../core/paths.ts';
import type { Context } from '../host/context.ts';
import type { NebulaNode } from '../spec/service.ts';
import { PROBE_CLIENT } from '../spec/services/nebula.ts';

/** Ten years for the CA; a certificate ends one second before it (nebula-cert sign, -duration). */
const CA_DURATION = '87600h';

/** Who has which address, with its prefix: written before the first certificate, so that an address never moves. */
const overlaySchema = z.object({ address: z.string(), clients: z.record(z.string(), z.string()) });
type Overlay = z.infer<typeof overlaySchema>;

/** A certificate that is to be there: `client-laptop`, its name and its address. */
interface Wanted {
  readonly file: string;
  readonly name: string;
  readonly address: string;
}

/** The folder of a machine's CA and certificates, 0600 files: NAME.crt and NAME.key of `ca`, `host` and `client-NAME`. */
export function nebulaFolder(paths: MachinePaths): string {
  return join(paths.secretsDir, 'nebula');
}

export function clientFile(client: string): string {
  return `client-${client}`;
}

/**
 * Makes what is not there yet of a machine's CA and certificates, once; returns whether anything was made. `certifier` gives the path of nebula-cert, and is
 * asked only when it is needed. A key is written before its certificate, so a certificate that is there is whole, and one that is missing is made with a new
 * key. Throws `nebula-address-changed`, `nebula-cert-failed`. Call with the machine's lock held.
 */
export async function makeNebulaCertificates(
  machine: string,
  node: NebulaNode,
  paths: MachinePaths,
  certifier: () => Promise<string>,
  context: Context,
): Promise<boolean> {
  const folder = nebulaFolder(paths);
  const overlay = await ensureOverlay(node, folder, context);
  const wanted = wantedCertificates(machine, node, overlay);
  const hasCa = await isThere(folder, 'ca', context);
  // What an older CA signed is worth nothing any more.
  if (!hasCa) for (const { file } of wanted) await context.host.remove(join(folder, `${file}.crt`));
  const missing: Wanted[] = [];
  for (const each of wanted) if (!(await isThere(folder, each.file, context))) missing.push(each);
  if (missing.length === 0) return false;
  const program = await certifier();
  const make = (file: string, args: readonly string[]): Promise<void> => makePair(program, folder, file, args, context);
  if (!hasCa) await make('ca', ['ca', '-name', `vmkit ${machine}`, '-duration', CA_DURATION]);
  const signer = ['-ca-crt', join(folder, 'ca.crt'), '-ca-key', join(folder, 'ca.key')];
  for (const { file, name, address } of missing) await make(file, ['sign', ...signer, '-name', name, '-ip', address]);
  return true;
}

function wantedCertificates(machine: string, { address, clients }: NebulaNode, overlay: Overlay): Wanted[] {
  return [
    { file: 'host', name: machine, address },
    ...[...clients, PROBE_CLIENT].map((name) => ({
      file: clientFile(name),
      name,
      address: overlay.clients[name] ?? '',
    })),
  ];
}

/** vmkit's own client has .254; the others the lowest number that nobody has or had, in the order of the definition. */
export function assignAddresses({ address, clients }: NebulaNode, known: Overlay['clients']): Overlay['clients'] {
  const [machine = '', length = ''] = address.split('/');
  const number = parseAddress(machine) ?? 0;
  const at = (last: number): string => `${formatAddress(number - (number % 256) + last)}/${length}`;
  const assigned: Record<string, string> = { [PROBE_CLIENT]: at(254), ...known };
  for (const name of clients) {
    if (assigned[name] !== undefined) continue;
    const taken = new Set([address, ...Object.values(assigned)]);
    const free = Array.from({ length: 252 }, (_, index) => at(index + 2)).find((each) => !taken.has(each));
    if (free === undefined) throw full(machine);
    assigned[name] = free;
  }
  return assigned;
}

async function ensureOverlay(node: NebulaNode, folder: string, { host }: Context): Promise<Overlay> {
  const file = join(folder, 'overlay.json');
  const bytes = await host.readOurs(file);
  const known = bytes === undefined ? undefined : overlaySchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  if (known !== undefined && known.address !== node.address) throw moved(known.address, node.address, folder);
  const overlay = { address: node.address, clients: assignAddresses(node, known?.clients ?? {}) };
  const text = `${JSON.stringify(overlay, null, 2)}\n`;
  if (text !== Buffer.from(bytes ?? []).toString('utf8')) await host.write(file, text, 0o600);
  return overlay;
}

async function isThere(folder: string, file: string, { host }: Context): Promise<boolean> {
  return (await host.read(join(folder, `${file}.crt`))) !== undefined;
}

/** nebula-cert writes into a folder that a killed run may have left; each file then gets its place whole, the certificate last. */
async function makePair(
  program: string,
  folder: string,
  file: string,
  args: readonly string[],
  { host, signal }: Context,
): Promise<void> {
  const scratch = join(folder, 'new');
  await host.remove(scratch);
  await host.makeFolder(scratch, 0o700);
  try {
    const [key, certificate] = [join(scratch, 'key'), join(scratch, 'crt')];
    const argv = [program, ...args, '-out-key', key, '-out-crt', certificate];
    const { exitCode, stdout, stderr } = await host.exec(argv, { withinMs: 30_000, signal });
    if (exitCode !== 0) throw failed(args, stderr.trim() || stdout.trim());
    for (const [made, end] of [
      [key, 'key'],
      [certificate, 'crt'],
    ] as const) {
      const bytes = await host.read(made);
      if (bytes === undefined) throw failed(args, `it wrote no ${end}`);
      await host.write(join(folder, `${file}.${end}`), bytes, 0o600);
    }
  } finally {
    await host.remove(scratch);
  }
}

function failed([action = '']: readonly string[], said: string): VmkitError {
  return new VmkitError('tool', 'nebula-cert-failed', `nebula-cert ${action} failed: ${said}`, {
    hint: 'Does it run on this host? VMKIT_NEBULA_CERT=PATH gives another one.',
  });
}

function moved(from: string, to: string, folder: string): VmkitError {
  return new VmkitError(
    'spec',
    'nebula-address-changed',
    `The overlay was made for ${from}, the definition says ${to}, and every certificate holds an address.`,
    {
      hint: `Keep \`address: ${from}\`; or delete ${folder}: the next boot makes a new CA, and every client needs its new configuration.`,
    },
  );
}

function full(machine: string): VmkitError {
  return new VmkitError('spec', 'nebula-overlay-full', `No address is left beside ${machine}.`, {
    hint: "An address stays with its client for ever. Delete the folder nebula of the machine's secrets to begin again.",
  });
}
