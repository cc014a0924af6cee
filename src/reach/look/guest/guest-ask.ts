import { GUEST } from '../../../core/guest-paths.ts';
import { firstWords } from '../../../net/answer.ts';
import { dialEnd } from '../../../net/dial.ts';
import { FIRST_FREE_PORT } from '../../../net/endpoint.ts';
import { FULL_PACKET, type Question } from '../../../net/question.ts';
import type { Dial } from '../../facts.ts';
import type { Observation } from '../../observation.ts';

/** How long the guest itself waits for an answer, in seconds: no less than a peer does. */
const SECONDS = 8;
/** Of an answer that takes longer it is asked whether it still comes. */
const MIDDLE = 5;
/** How timeout(1) ends what is late. */
const LATE = 124;

/**
 * Asks the service from inside the guest what the peer asks it, and prints the seconds since its start: before, at
 * the first bytes and at the end; how many bytes
 * came, in all and by the middle of the time, how nc ended, then the first bytes themselves. busybox nc goes on while its input is open, so that is a pipe
 * with both ends in one process.
 */
export function askScript(address: string, port: number, { protocol, text }: Question): string {
  const more = 'dd bs=65536 <&6 2>/dev/null >>"$d/data"';
  const rest =
    protocol === 'http'
      ? `timeout ${MIDDLE} ${more}\n[ $? != ${LATE} ] || { middle=$(wc -c <"$d/data"); ${more}; }`
      : ':';
  return `PATH=/usr/sbin:/usr/bin:/sbin:/bin
d=$(mktemp -d ${GUEST.own}/ask-XXXXXX) && mkfifo "$d/in" "$d/out" || exit 70
trap 'kill $nc 2>/dev/null; rm -rf "$d"' EXIT
trap 'exit 1' HUP INT TERM PIPE
exec 5<>"$d/in"
printf '${inShell(text)}' >&5
read -r begin _ </proc/uptime
timeout ${SECONDS} ${GUEST.busybox} nc -w 3 -p $((${FIRST_FREE_PORT} - 1 - $$ % 512)) ${address} ${port} <&5 >"$d/out" 2>"$d/said" & nc=$!
exec 6<"$d/out"
dd bs=512 count=1 <&6 2>/dev/null >"$d/data"
read -r first _ </proc/uptime
${rest}
read -r end _ </proc/uptime
kill $nc 2>/dev/null; wait $nc; code=$?
printf '%s %s %s %s %s %s %s\\n' "$begin" "$first" "$end" "$(wc -c <"$d/data")" "\${middle:-0}" "$code" "$(head -n 1 "$d/said")"
head -c 512 "$d/data"
`;
}

/** For printf(1): zeros are made there, so that a person can read the line. */
function inShell(text: string): string {
  const escaped = [...text]
    .map((each) =>
      /[ -~]/.test(each) && !"'\\%".includes(each) ? each : `\\${each.charCodeAt(0).toString(8).padStart(3, '0')}`,
    )
    .join('');
  return escaped.replace('0'.repeat(FULL_PACKET), `%0${FULL_PACKET}d`);
}

/** What such a script printed; undefined where it did not run to its end. */
export function readAsk(printed: string, address: string, port: number, { protocol }: Question): Dial | undefined {
  const [line = ''] = printed.split('\n', 1);
  const [, begin, first, end, bytes, middle, code, said = ''] =
    /^([\d.]+) ([\d.]+) ([\d.]+) (\d+) (\d+) (\d+) ?(.*)$/.exec(line) ?? [];
  if (begin === undefined) return undefined;
  const after = (seconds: string | undefined): number => Math.round((Number(seconds) - Number(begin)) * 1000);
  const head = printed.slice(line.length + 1);
  const isLate = Number(code) === LATE;
  // Only its head is here; how long the rest was is known.
  const made = dialEnd(protocol, head.padEnd(Number(bytes)), {
    why: isLate ? 'late' : 'ended',
    firstByteMs: after(first),
    lastByteMs: Number(middle) > 0 && Number(bytes) > Number(middle) ? after(end) : after(first),
    tookMs: after(end),
  });
  const isChunked = /^transfer-encoding:/im.test(head);
  const ended = made.result === 'cut' && isChunked && !isLate ? 'data' : made.result;
  const result = head === '' && said !== '' ? failureOf(said) : ended;
  const text = head === '' && said !== '' ? said : firstWords(protocol, head) || made.text;
  const observation: Observation = {
    vantage: 'guest',
    command: `nc ${address} ${port}`,
    output: `${text}${head === '' ? '' : ` (${bytes} bytes after ${after(end)} ms)`}`,
    exitCode: result === 'data' ? 0 : 1,
  };
  return { ...made, result, bytes: Number(bytes), wholeMs: result === 'data' ? after(end) : undefined, observation };
}

function failureOf(said: string): Dial['result'] {
  if (/refused/i.test(said)) return 'refused';
  return /timed out/i.test(said) ? 'timeout' : 'failed';
}
