import { VmkitError } from '../../core/errors/errors.ts';
import type { Host } from '../../host/host.ts';
import { readSecret } from '../../host/read-secret.ts';
import type { Control } from './control.ts';
import { headscaleControl } from './headscale-api.ts';
import { headscaleCommand } from './headscale-cli.ts';
import { type Credentials, tailscaleControl } from './tailscale-api.ts';

const TAILSCALE = 'https://api.tailscale.com';

/**
 * The control server that this computer's environment has credentials for: headscale's (HEADSCALE_CLI_ADDRESS, HEADSCALE_CLI_API_KEY), else Tailscale's by an OAuth client
 * (TS_API_CLIENT_ID, TS_API_CLIENT_SECRET) or an API key (TS_API_KEY), else a headscale whose command is here, as on its server. The names are those of headscale's and
 * Tailscale's own tools. Undefined where there is none.
 */
export async function findControl(builder: Host, signal: AbortSignal): Promise<Control | undefined> {
  return (
    (await findHeadscale(builder, signal)) ??
    (await findTailscale(builder, signal)) ??
    (await findCommand(builder, {}, signal))
  );
}

/** The one that a node of this login server joins by: a server of one's own is headscale, or speaks Tailscale's API at TS_BASE_URL. */
export async function findControlOf(
  loginServer: string | undefined,
  builder: Host,
  signal: AbortSignal,
): Promise<Control | undefined> {
  if (loginServer === undefined) return findTailscale(builder, signal);
  const isTailscale = process.env['TS_BASE_URL'] !== undefined;
  const named =
    (await findHeadscale(builder, signal)) ?? (isTailscale ? await findTailscale(builder, signal) : undefined);
  if (named !== undefined) return named;
  const command = await findCommand(builder, {}, signal);
  // It may be for root only, or another server's: then it is none.
  return command !== undefined && (await whyNot(command)) === undefined ? command : undefined;
}

/** By its API; where nothing answers there, by its command: an older one has another address for that. */
async function findHeadscale(builder: Host, signal: AbortSignal): Promise<Control | undefined> {
  const address = process.env['HEADSCALE_CLI_ADDRESS'];
  const apiKey = await readSecret('HEADSCALE_CLI_API_KEY', builder);
  if (address === undefined || apiKey === undefined) return undefined;
  const user = process.env['HEADSCALE_USER'];
  const api = headscaleControl({ baseUrl: baseUrl('HEADSCALE_CLI_ADDRESS', address), apiKey, user }, signal);
  const env = { HEADSCALE_CLI_ADDRESS: address, HEADSCALE_CLI_API_KEY: apiKey };
  const command = await findCommand(builder, env, signal);
  return command !== undefined && (await whyNot(api)) === 'control-unreachable' ? command : api;
}

async function findCommand(
  builder: Host,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Control | undefined> {
  if (!(await builder.programs(['headscale'])).has('headscale')) return undefined;
  return headscaleCommand({ builder, env, user: process.env['HEADSCALE_USER'] }, signal);
}

/** The code of the error that it answers with; undefined where it works. */
async function whyNot(control: Control): Promise<string | undefined> {
  try {
    await control.devices();
    return undefined;
  } catch (error) {
    if (error instanceof VmkitError && error.kind !== 'interrupted') return error.code;
    throw error;
  }
}

async function findTailscale(builder: Host, signal: AbortSignal): Promise<Control | undefined> {
  const credentials = await tailscaleCredentials(builder);
  if (credentials === undefined) return undefined;
  const base = baseUrl('TS_BASE_URL', process.env['TS_BASE_URL'] ?? TAILSCALE);
  return tailscaleControl({ baseUrl: base, tailnet: process.env['TS_TAILNET'] ?? '-', credentials }, signal);
}

/** The same as `findControl`; throws `control-unknown` where there are no credentials. */
export async function requireControl(builder: Host, signal: AbortSignal): Promise<Control> {
  const control = await findControl(builder, signal);
  if (control !== undefined) return control;
  throw new VmkitError('usage', 'control-unknown', 'No credentials for the control server of a tailnet were given.', {
    hint: [
      'TS_API_CLIENT_ID=… TS_API_CLIENT_SECRET=file:PATH (an OAuth client), TS_API_KEY=file:PATH,',
      'or HEADSCALE_CLI_ADDRESS=… HEADSCALE_CLI_API_KEY=file:PATH. pass:ENTRY and secret-tool:ATTRIBUTE=VALUE are taken in place of file:PATH.',
      "On headscale's server its command is enough.",
    ].join('\n'),
  });
}

async function tailscaleCredentials(builder: Host): Promise<Credentials | undefined> {
  const clientId = await readSecret('TS_API_CLIENT_ID', builder);
  const clientSecret = await readSecret('TS_API_CLIENT_SECRET', builder);
  if (clientId !== undefined && clientSecret !== undefined) return { clientId, clientSecret };
  const apiKey = await readSecret('TS_API_KEY', builder);
  return apiKey === undefined ? undefined : { apiKey };
}

/** Without a slash at the end. A secret goes there, so http is for this computer only. */
function baseUrl(variable: string, text: string): string {
  const url = URL.canParse(text)
    ? new URL(text)
    : URL.canParse(`https://${text}`)
      ? new URL(`https://${text}`)
      : undefined;
  const isLocal = url !== undefined && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url !== undefined && (url.protocol === 'https:' || (url.protocol === 'http:' && isLocal))) {
    return url.href.replace(/\/+$/, '');
  }
  throw new VmkitError('usage', 'bad-usage', `${variable}: ${text} is not an https address.`, {
    hint: `${variable}=https://headscale.example.org`,
  });
}
