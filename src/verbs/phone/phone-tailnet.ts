import { join } from 'node:path';
import { archOf } from '../../core/arch.ts';
import { poll } from '../../core/deadline.ts';
import { hostPaths } from '../../core/paths.ts';
import { parseJson } from '../../core/text/json.ts';
import { applyChanges } from '../../host/changes/apply-changes.ts';
import { withLock } from '../../host/with-lock.ts';
import { componentArtifact } from '../../image/components/component.ts';
import { PHONE } from '../../machine/phone/places.ts';
import { ensureArtifact } from '../../store/store.ts';
import { logIn, tailscaleOf } from '../../tailnet/node/userspace-node.ts';
import { phoneNodeChange } from '../../tailnet/service/phone-node.ts';
import { tailscaleStatus } from '../../tailnet/tailscale-json.ts';
import { placeFile } from '../build/place-files.ts';
import { type HostReport, reportChanges } from '../host/host-network.ts';
import { buildContext, runStep, type VerbContext } from '../step.ts';
import { requireKey } from '../tailnet/mint-key.ts';

/**
 * Puts a rooted phone that is set up into a tailnet, by a tailscaled of its own beside whatever apps it has. Idempotent: the key is asked for only while it is in none.
 * `loginServer`: undefined for Tailscale's own. Throws `secret-not-given`, `peer-not-joined`.
 */
export async function joinPhone(loginServer: string | undefined, context: VerbContext): Promise<HostReport> {
  const { host } = context;
  const run = (inner: VerbContext): Promise<HostReport> =>
    withLock(hostPaths(inner.paths).lock, 'vmkit host setup', inner, async () => {
      const programs = { tailscale: await place('tailscale', inner), tailscaled: await place('tailscaled', inner) };
      const done = await applyChanges([phoneNodeChange({ ...programs, loginServer }, PHONE)], inner);
      const address = await whoItIs(loginServer, inner);
      return reportChanges(done, 'apply', false, inner, [`${host.name} is ${address} in the tailnet.`]);
    });
  return runStep(
    { title: `node of a tailnet on ${host.name}`, run: (inner) => run({ ...context, ...inner }) },
    context,
  );
}

/** Built, or fetched, on this computer for the phone's processor, and sent. */
async function place(name: string, context: VerbContext): Promise<string> {
  const { machine } = await context.host.facts();
  const artifact = componentArtifact(name, archOf(machine) ?? 'arm64');
  const { directory } = await ensureArtifact(artifact, buildContext(context));
  return placeFile(join(directory, name), context);
}

/** Its address; logs it in where it is not. */
async function whoItIs(loginServer: string | undefined, context: VerbContext): Promise<string> {
  const tailscale = tailscaleOf(`${PHONE.tailnet}/tailscale`, PHONE.tailnet, context);
  const settled = async () => {
    const { stdout } = await tailscale(['status', '--json'], { withinMs: 10_000 });
    const status = parseJson(stdout, tailscaleStatus);
    return ['NoState', 'Starting', undefined].includes(status?.BackendState) ? undefined : status;
  };
  // The supervisor begins it, and one that knows who it is needs a moment.
  const status = await poll(settled, { withinMs: 20_000, everyMs: 300, signal: context.signal });
  const [address] = status?.Self.TailscaleIPs ?? [];
  if (status?.BackendState === 'Running' && address !== undefined) return address;
  const authKey = await requireKey(loginServer, false, context);
  const named = await context.host.exec(['getprop', 'ro.product.model'], { withinMs: 10_000, signal: context.signal });
  return logIn({ authKey, loginServer, hostname: nameOf(named.stdout) }, { folder: PHONE.tailnet }, tailscale, context);
}

/** `Pixel 8 Pro`: pixel-8-pro-vmkit, beside which the app's node may be. */
function nameOf(model: string): string {
  const letters = model
    .trim()
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return `${letters.slice(0, 48) || 'phone'}-vmkit`;
}
