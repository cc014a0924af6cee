import { isDeepStrictEqual } from 'node:util';
import { VmkitError } from '../../core/errors/errors.ts';
import { withLock } from '../../host/with-lock.ts';
import { componentHere } from '../../tailnet/component-here.ts';
import { exportLines, type Joined, joinedPaths, readJoined, writeJoined } from '../../tailnet/node/joined.ts';
import { endNode, logIn, startDaemon, tailscaleOf } from '../../tailnet/node/userspace-node.ts';
import { type Verified, verifyNode } from '../../tailnet/node/verify-node.ts';
import type { VerbContext } from '../step.ts';
import { requireKey } from './mint-key.ts';
import { addToProfile } from './profile-line.ts';

export interface JoinRequest {
  /** Undefined: `HOST-userspace`. */
  readonly hostname: string | undefined;
  /** Undefined: Tailscale's own. */
  readonly loginServer: string | undefined;
  /** Keeps its state, so that it is the same node after the next start; else the tailnet forgets it when it leaves. */
  readonly isKept: boolean;
  /** Tried through the proxy, beside what is tried anyway. */
  readonly urls: readonly string[];
  /** Starts it at the first login from now on. */
  readonly atLogin: boolean;
}

export interface JoinedNode extends Joined {
  /** False: it ran already. */
  readonly isNew: boolean;
  readonly verified: readonly Verified[];
  /** Where lines for a shell are: `. FILE`. */
  readonly variables: string;
  readonly log: string;
}

/**
 * A node of a tailnet on this computer, without TUN and without root; one for each user. It lives on. Then it is tried. Throws `peer-not-joined`, `secret-not-given`,
 * `node-joined` where another one runs.
 */
export async function joinTailnet(request: JoinRequest, context: VerbContext): Promise<JoinedNode> {
  const { folder, lock, variables } = joinedPaths(context.paths);
  const { joined, isNew } = await withLock(lock, 'vmkit tailnet join', context, async () => {
    const there = await readJoined(context);
    if (there?.isRunning !== true) return { joined: await start(request, context), isNew: true };
    requireSame(there, request);
    return { joined: there, isNew: false };
  });
  if (request.atLogin) await addToProfile(request, context);
  const tailscale = tailscaleOf(`${folder}/tailscale`, folder, context);
  const verified = await verifyNode(tailscale, joined.proxyPort, request.urls, context);
  return { ...joined, isNew, verified, variables, log: `${folder}/log` };
}

async function start(request: JoinRequest, context: VerbContext): Promise<Joined> {
  const { host } = context;
  const at = joinedPaths(context.paths);
  await host.remove(at.folder);
  await host.makeFolder(at.folder, 0o700);
  const isKnown = request.isKept && (await host.stat(at.state)) !== undefined;
  const programs = [await componentHere('tailscale', context), await componentHere('tailscaled', context)];
  // Beside one another: who finds the daemon finds its tailscale.
  await host.exec(['ln', '-s', ...programs, at.folder], { signal: context.signal });
  const node = {
    tailscale: `${at.folder}/tailscale`,
    tailscaled: `${at.folder}/tailscaled`,
    loginServer: request.loginServer,
    authKey: isKnown ? undefined : await requireKey(request.loginServer, !request.isKept, context),
    hostname: request.hostname ?? (await defaultName(context)),
  };
  if (request.isKept) await host.makeFolder(at.state.slice(0, at.state.lastIndexOf('/')), 0o700);
  const place = { folder: at.folder, state: request.isKept ? at.state : 'mem:', proxyPort: await host.freePort() };
  const tailscale = tailscaleOf(node.tailscale, at.folder, context);
  const daemon = await startDaemon(node, place, context);
  try {
    const address = await logIn(node, place, tailscale, context);
    const joined: Joined = {
      ...daemon,
      hostname: node.hostname,
      address,
      ...(request.loginServer === undefined ? {} : { loginServer: request.loginServer }),
      proxyPort: place.proxyPort,
      isKept: request.isKept,
    };
    await host.write(at.variables, exportLines(place.proxyPort), 0o644);
    await writeJoined(joined, context);
    return joined;
  } catch (error) {
    await endNode(daemon, tailscale, !request.isKept, context);
    if (request.isKept && !isKnown) await host.remove(at.state);
    throw error;
  }
}

/** A name that differs from that of the computer's own node, where it has one. */
async function defaultName({ host, signal }: VerbContext): Promise<string> {
  const { stdout } = await host.exec(['uname', '-n'], { withinMs: 10_000, signal });
  const name = stdout
    .trim()
    .toLowerCase()
    .replace(/\..*$/, '')
    .replace(/[^a-z0-9-]/g, '-');
  return `${name.replace(/^-+/, '').slice(0, 48) || 'host'}-userspace`;
}

function requireSame(there: Joined, { hostname, loginServer, isKept }: JoinRequest): void {
  const asked = { hostname: hostname ?? there.hostname, loginServer, isKept };
  const { loginServer: server, ...is } = there;
  if (isDeepStrictEqual(asked, { hostname: is.hostname, loginServer: server, isKept: is.isKept })) return;
  throw new VmkitError(
    'usage',
    'node-joined',
    `This computer's node runs already: ${there.hostname}, ${there.address}.`,
    {
      hint: 'vmkit tailnet leave, then join again.',
    },
  );
}
