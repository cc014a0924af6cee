import { setTimeout as sleep } from 'node:timers/promises';
import { VmkitError } from '../../core/errors/errors.ts';
import { parseJson } from '../../core/text/json.ts';
import { askControl } from '../../reach/host/host-facts.ts';
import { judgeLook, signOfLife, type Watched } from '../../tailnet/service/watch-decision.ts';
import { tailscalePrefs, tailscaleStatus } from '../../tailnet/tailscale-json.ts';
import type { VerbContext } from '../step.ts';

const ASK_MS = 8_000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Looks at the tailscaled behind a socket until the signal, or until it is stuck (watch-decision.ts): then throws `node-stuck`. Asks that tailscaled only; its control
 * server is asked where nothing else says that it works.
 */
export async function watchDaemon(socket: string, patienceMs: number, context: VerbContext): Promise<void> {
  const { host, signal, report } = context;
  const everyMs = Math.min(LONGEST_PAUSE_MS, patienceMs / 4);
  const ask = async (...words: string[]): Promise<string> => {
    const argv = ['tailscale', `--socket=${socket}`, ...words];
    return (await host.exec(argv, { withinMs: ASK_MS, signal }).catch(unanswered)).stdout;
  };
  let controlUrl: string | undefined;
  let watched: Watched = { lookedAt: Date.now(), aliveAt: Date.now() };
  let told = '';
  while (!signal.aborted) {
    const status = parseJson(await ask('status', '--json'), tailscaleStatus);
    controlUrl = parseJson(status && (await ask('debug', 'prefs')), tailscalePrefs)?.ControlURL ?? controlUrl;
    const at = Date.now();
    const life = signOfLife(status, at, patienceMs);
    const isUplink =
      life === undefined && controlUrl !== undefined && (await askControl(controlUrl, signal)).seen.exitCode === 0;
    const { watched: now, stuck } = judgeLook({ at, status, isUplink }, watched, { patienceMs, everyMs });
    if (stuck !== undefined) throw isStuck(socket, stuck);
    watched = now;
    const beside = controlUrl === undefined ? 'its control server is not known yet' : 'the uplink does not either';
    const text = life ?? `nothing says that it works${isUplink ? '' : `, and ${beside}`}`;
    if (text !== told) report({ kind: 'note', text: `tailscaled at ${socket}: ${text}` });
    told = text;
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

/** One that hangs is a tailscaled without an answer. */
function unanswered(error: unknown): { readonly stdout: string } {
  if (error instanceof VmkitError && error.code === 'tool-timeout') return { stdout: '' };
  throw error;
}

function isStuck(socket: string, stuck: string): VmkitError {
  return new VmkitError('unreachable', 'node-stuck', `tailscaled at ${socket} is stuck ${stuck}.`, {
    hint: 'sudo systemctl restart tailscaled. The units of vmkit tailnet service do that by themselves.',
  });
}
