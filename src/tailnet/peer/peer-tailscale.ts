import * as z from 'zod';
import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import type { Protocol } from '../../core/protocol.ts';
import { parseJson } from '../../core/text/json.ts';
import type { Host } from '../../host/host.ts';
import { type DialEnd, dialEnd, LONG_ANSWER } from '../../net/dial.ts';
import { tailscaleStatus } from '../tailscale-json.ts';
import { type Peer, withSignal } from './peer.ts';

/**
 * Dials by the node's own `tailscale nc`, which both kinds of networking know, and prints what came of it as JSON: milliseconds to the first bytes and to the end,
 * the bytes, and what nc said. $1 address, $2 port, $3 seconds, $4 the protocol, $5 bytes at most; the question is on standard input. nc ends when its input does,
 * so that is held open. A server of HTTP/1.0 ends the connection; others speak and wait.
 */
const NC_SCRIPT = `d=$(mktemp -d) && mkfifo "$d/in" "$d/out" || exit 70
exec 3<>"$d/in"
cat >&3
begin=$(date +%s%N)
timeout "$3" tailscale nc "$1" "$2" <"$d/in" >"$d/out" 2>"$d/said" 3>&- &
nc=$!
exec 4<"$d/out"
dd bs=512 count=1 <&4 >"$d/data" 2>/dev/null
first=$(date +%s%N)
if [ "$4" = http ]; then head -c "$5" <&4 >>"$d/data"; fi
end=$(date +%s%N)
last=$(date -r "$d/data" +%s%N)
kill $nc 2>/dev/null
wait $nc
printf '{"firstMs":%d,"lastMs":%d,"ms":%d,"data":"%s","said":"%s"}' \
  $(((first - begin) / 1000000)) $(((last - begin) / 1000000)) $(((end - begin) / 1000000)) "$(base64 -w 0 <"$d/data")" "$(base64 -w 0 <"$d/said")"
rm -rf "$d"
`;

/** A shell that reads its script from standard input; never asks for a password. */
const AS_ROOT = 'if [ "$(id -u)" = 0 ]; then exec sh; else exec sudo -n -- sh; fi';

const answer = z.object({
  firstMs: z.number(),
  lastMs: z.number(),
  ms: z.number(),
  data: z.base64(),
  said: z.base64(),
});

/** A host that is in the tailnet already, as a peer. Throws `peer-not-joined`. */
export async function peerOnHost(
  host: Pick<Host, 'exec' | 'name'>,
  isThisHost: boolean,
  signal: AbortSignal,
): Promise<Peer> {
  const tailscale: Peer['tailscale'] = (args, options) =>
    host.exec(['tailscale', ...args], withSignal(options, signal));
  const { stdout, stderr } = await tailscale(['status', '--json', '--peers=false'], { withinMs: 15_000 });
  const status = parseJson(stdout, tailscaleStatus);
  const address = status?.Self.TailscaleIPs?.[0];
  if (status?.BackendState !== 'Running' || address === undefined) {
    const why = status === undefined ? stderr.trim() : `its Tailscale is ${status.BackendState}`;
    throw new VmkitError('unreachable', 'peer-not-joined', `${host.name} cannot be the peer of probe: ${why}`, {
      hint: 'Run `tailscale up` there; or leave --from away, and give a key in TS_AUTHKEY: vmkit then starts a node of its own.',
    });
  }
  const asRoot: Peer['asRoot'] = async (input, withinMs, onLine) =>
    (await host.exec(['sh', '-c', AS_ROOT], { input, withinMs, onLine, signal })).stdout;
  return {
    title: `${host.name}, ${address}`,
    isThisHost,
    tailscale,
    ...(status.TUN && !isThisHost ? { asRoot } : {}),
    dial: async (to, { protocol, text }, withinMs) => {
      const seconds = String(Math.ceil(withinMs / 1000));
      const asked = [to.address, String(to.port), seconds, protocol, String(LONG_ANSWER)];
      try {
        const { stdout } = await host.exec(['sh', '-c', NC_SCRIPT, 'sh', ...asked], {
          input: text,
          withinMs: withinMs + 3_000,
          signal,
        });
        return endOf(protocol, stdout, withinMs);
      } catch (error) {
        return { result: 'failed', firstByteMs: undefined, text: messageOf(error) };
      }
    },
  };
}

function endOf(protocol: Protocol, printed: string, withinMs: number): DialEnd {
  const ended = parseJson(printed, answer);
  if (ended === undefined) return { result: 'failed', firstByteMs: undefined, text: `tailscale nc: ${printed}` };
  const decode = (text: string): string => Buffer.from(text, 'base64').toString('latin1');
  const said = decode(ended.said).trim();
  const isLate = ended.ms >= withinMs - 100;
  if (ended.data === '' && said !== '') {
    const result = /refused/i.test(said) ? 'refused' : /timed out|timeout|deadline/i.test(said) ? 'timeout' : 'failed';
    return { result, firstByteMs: undefined, text: said };
  }
  const data = decode(ended.data);
  // nc says nothing of a connection that it could not open before its time was over.
  if (data === '' && isLate) {
    return { result: 'timeout', firstByteMs: undefined, text: `no byte within ${withinMs / 1000} s: timeout` };
  }
  return dialEnd(protocol, data, {
    why: isLate ? 'late' : 'ended',
    firstByteMs: ended.firstMs,
    lastByteMs: ended.lastMs,
    tookMs: ended.ms,
  });
}
