import * as z from 'zod';
import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import type { Protocol } from '../../core/protocol.ts';
import { parseJson } from '../../core/text/json.ts';
import type { Host } from '../../host/host.ts';
import { type DialEnd, dialEnd, LONG_ANSWER } from '../../net/dial.ts';
import { type Endpoint, endpointText } from '../../net/endpoint.ts';
import { tailscaleStatus } from '../tailscale-json.ts';
import { type Peer, withSignal } from './peer.ts';

/**
 * Dials by a program, and prints what came of it as JSON: milliseconds to the first bytes and to the end, the bytes, and what the program said. $1 seconds, $2 the
 * protocol, $3 bytes at most, then the program with its arguments; the question is on standard input. The program ends when its input does, so that is held open. A
 * server of HTTP/1.0 ends the connection; others speak and wait.
 */
const DIAL_SCRIPT = `within=$1 protocol=$2 bytes=$3
shift 3
d=$(mktemp -d) && mkfifo "$d/in" "$d/out" || exit 70
exec 3<>"$d/in"
cat >&3
begin=$(date +%s%N)
timeout "$within" "$@" <"$d/in" >"$d/out" 2>"$d/said" 3>&- &
nc=$!
exec 4<"$d/out"
dd bs=512 count=1 <&4 >"$d/data" 2>/dev/null
first=$(date +%s%N)
if [ "$protocol" = http ]; then head -c "$bytes" <&4 >>"$d/data"; fi
end=$(date +%s%N)
last=$(date -r "$d/data" +%s%N)
kill $nc 2>/dev/null
wait $nc
printf '{"firstMs":%d,"lastMs":%d,"ms":%d,"data":"%s","said":"%s"}' \
  $(((first - begin) / 1000000)) $(((last - begin) / 1000000)) $(((end - begin) / 1000000)) "$(base64 -w 0 <"$d/data")" "$(base64 -w 0 <"$d/said")"
rm -rf "$d"
`;

/** Of the 10 s that a peer has to be there. */
const STATUS_MS = 7_000;

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
  const asked = tailscale(['status', '--json', '--peers=false'], { withinMs: STATUS_MS });
  const { stdout, stderr } = await asked.catch((error: unknown) => {
    if (!(error instanceof VmkitError) || error.code !== 'tool-timeout') throw error;
    const text = `${host.name} cannot be the peer of probe: its tailscaled did not answer within ${STATUS_MS / 1000} s, so it hangs.`;
    throw new VmkitError('unreachable', 'peer-not-joined', text, { hint: 'sudo systemctl restart tailscaled, there.' });
  });
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
    dial: async (to, { protocol, text, tlsName }, withinMs) => {
      const seconds = String(Math.ceil(withinMs / 1000));
      const isUnable = tlsName !== undefined && !status.TUN;
      if (isUnable) return { result: 'failed', isUnasked: true, firstByteMs: undefined, text: NO_TLS };
      const by = tlsName === undefined ? ['tailscale', 'nc', to.address, String(to.port)] : askTls(to, tlsName);
      try {
        const { stdout } = await host.exec(
          ['sh', '-c', DIAL_SCRIPT, 'sh', seconds, protocol, String(LONG_ANSWER), ...by],
          {
            input: text,
            withinMs: withinMs + 3_000,
            signal,
          },
        );
        return endOf(protocol, stdout, withinMs);
      } catch (error) {
        return { result: 'failed', firstByteMs: undefined, text: messageOf(error) };
      }
    },
  };
}

const NO_TLS = 'it has no TUN, and `tailscale nc` knows no TLS: nobody asked';

/** By the system's own way into the tailnet. The certificate must be good for the name. */
function askTls(to: Endpoint, name: string): readonly string[] {
  const good = ['-servername', name, '-verify_hostname', name, '-verify_return_error', '-verify_quiet'];
  return ['openssl', 's_client', '-quiet', '-connect', endpointText(to), ...good];
}

function endOf(protocol: Protocol, printed: string, withinMs: number): DialEnd {
  const ended = parseJson(printed, answer);
  if (ended === undefined) return { result: 'failed', firstByteMs: undefined, text: `the dial printed: ${printed}` };
  const decode = (text: string): string => Buffer.from(text, 'base64').toString('latin1');
  const said = decode(ended.said).trim();
  const isLate = ended.ms >= withinMs - 100;
  if (/openssl.*(not found|No such file)/i.test(said))
    return { result: 'failed', isUnasked: true, firstByteMs: undefined, text: said };
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
