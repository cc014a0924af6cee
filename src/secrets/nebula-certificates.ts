import { join } from 'node:path';
import * as z from 'zod';
import { formatAddress, parseAddress } from '../core/addresses/ipv4.ts';
import { VmkitError } from '../core/errors/errors.ts';
import type { MachinePaths } from '../core/paths.ts';
import type { Context } from '../host/context.ts';
import type { Host } from '../host/host.ts';
import type { NebulaNode } from '../spec/service.ts';
import { PROBE_CLIENT } from '../spec/services/nebula.ts';
import { certify, type NebulaPair } from './nebula-certifier.ts';

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

/** What certificates are made with: nebula-cert on this computer, wherever the machine is. */
export interface Certifier {
  readonly host: Host;
  /** The path of nebula-cert; asked only when it is needed. */
  readonly program: () => Promise<string>;
}

/**
 * Makes what is not there yet of a machine's CA and certificates, once; returns whether anything was made. A key is written before its certificate, so a
 * certificate that is there is whole, and one that is missing is made with a new key. Throws `nebula-address-changed`, `nebula-cert-failed`. Call with the
 * machine's lock held.
 */
export async function makeNebulaCertificates(
  machine: string,
  node: NebulaNode,
  paths: MachinePaths,
  certifier: Certifier,
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
  const program = await certifier.program();
  const here = { host: certifier.host, signal: context.signal };
  const make = async (file: string, args: readonly string[], ca?: NebulaPair): Promise<NebulaPair> => {
    const pair = await certify(program, args, ca, here);
    await context.host.write(join(folder, `${file}.key`), pair.key, 0o600);
    await context.host.write(join(folder, `${file}.crt`), pair.certificate, 0o600);
    return pair;
  };
  const ca = hasCa
    ? await readPair(folder, 'ca', context)
    : await make('ca', ['ca', '-name', `vmkit ${machine}`, '-duration', CA_DURATION]);
  for (const { file, name, address } of missing) await make(file, ['sign', '-name', name, '-ip', address], ca);
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
  const there = await host.readOurs(file);
  const known = there === undefined ? undefined : overlaySchema.parse(JSON.parse(there));
  if (known !== undefined && known.address !== node.address) throw moved(known.address, node.address, folder);
  const overlay = { address: node.address, clients: assignAddresses(node, known?.clients ?? {}) };
  const text = `${JSON.stringify(overlay, null, 2)}\n`;
  if (text !== there) await host.write(file, text, 0o600);
  return overlay;
}

async function isThere(folder: string, file: string, { host }: Context): Promise<boolean> {
  return (await host.read(join(folder, `${file}.crt`))) !== undefined;
}

async function readPair(folder: string, file: string, { host }: Context): Promise<NebulaPair> {
  const read = async (end: string): Promise<string> => (await host.readOurs(join(folder, `${file}.${end}`))) ?? '';
  return { key: await read('key'), certificate: await read('crt') };
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
