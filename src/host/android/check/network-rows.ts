import { overlaps, parseSubnet } from '../../../core/addresses/ipv4.ts';
import { isTailnetAddress } from '../phone-ports.ts';
import { droppingChains, parseRules } from './parse-replies.ts';
import { evidence, type PhoneRow } from './phone-row.ts';
import { QUESTIONS, type Question, type Replies } from './questions.ts';

/** vmkit's own network there. */
export interface OwnNetwork {
  readonly bridge: string;
  readonly subnet: string;
}

/** What a phone's network is like for guests. */
export function networkRows(replies: Replies, { bridge, subnet }: OwnNetwork): readonly PhoneRow[] {
  const seen = (question: Question, line = replies(question).text): string => evidence(QUESTIONS[question], line);
  const rules = parseRules(replies('rules').text, bridge, subnet);
  const canTell = replies('rules').exitCode === 0;
  const yesOr = (isSo: boolean, isKnown = canTell): PhoneRow['answer'] =>
    isKnown ? (isSo ? 'yes' : 'no') : 'cannot tell';
  return [
    {
      what: "netd's rules",
      answer: yesOr(rules.isNetd),
      says: rules.isNetd ? 'as Android 12 to 16 have them: 10000 to 32000' : 'not the rules that vmkit knows',
      evidence: seen('rules', replies('rules').text.split('\n').at(-1)?.replace(/\s+/g, ' ')),
    },
    {
      what: 'default network',
      answer: yesOr(rules.defaultTable !== undefined),
      says:
        rules.defaultTable === undefined ? 'the phone is in no network' : `its table is ${rules.defaultTable.table}`,
      evidence: seen('rules', rules.defaultTable?.line),
    },
    wayOutRow(replies, rules.defaultTable?.table, seen),
    {
      what: 'VPN on',
      answer: yesOr(rules.vpn !== undefined),
      says:
        rules.vpn === undefined
          ? "guests leave by the phone's network"
          : 'guests follow it, unless told otherwise (egress)',
      evidence: seen('rules', rules.vpn ?? 'no rule at 13000, 24000 or 27000'),
    },
    {
      what: 'tethering on',
      answer: yesOr(rules.tethering !== undefined),
      says:
        rules.tethering === undefined
          ? 'no hotspot'
          : 'when it ends, Android switches forwarding off; the supervisor switches it on again',
      evidence: seen('rules', rules.tethering ?? 'no rule at 21000'),
    },
    {
      what: 'preferences 9000, 9001 free',
      answer: yesOr(rules.taken.length === 0),
      says:
        rules.taken.length === 0
          ? "nobody else's rules are there"
          : 'somebody else has them, and vmkit does not touch those',
      evidence: seen('rules', rules.taken[0] ?? 'none'),
    },
    forwardRow(replies, seen),
    {
      what: 'forwarding on',
      answer: yesOr(replies('forwarding').text === '1', replies('forwarding').exitCode === 0),
      says:
        replies('forwarding').exitCode !== 0
          ? 'only root is told'
          : replies('forwarding').text === '1'
            ? 'already'
            : 'vmkit host setup switches it on',
      evidence: seen('forwarding'),
    },
    {
      what: 'NAT for IPv6',
      answer: yesOr(replies('nat6').exitCode === 0, replies('user').text === '0'),
      says:
        replies('nat6').exitCode === 0
          ? 'guests have IPv6, too'
          : 'without it guests have IPv4 alone; most phones lack it',
      evidence: seen('nat6'),
    },
    tailscaleRow(replies, seen),
    ...vpnRoutesRow(replies, subnet, seen),
  ];
}

type Seen = (question: Question, line?: string) => string;

function forwardRow(replies: Replies, seen: Seen): PhoneRow {
  const forward = replies('forward');
  const chains = droppingChains(forward.text);
  const isKnown = forward.exitCode === 0;
  return {
    what: 'iptables forwards',
    answer: !isKnown ? 'cannot tell' : chains.length === 0 ? 'yes' : 'no',
    says: !isKnown
      ? 'only root is told'
      : chains.length === 0
        ? 'nothing drops forwarded packets'
        : `${chains.join(', ')} drop; vmkit host setup accepts its own before them`,
    evidence: seen(
      'forward',
      isKnown
        ? forward.text
            .split('\n')
            .find((line) => / (DROP|REJECT)/.test(line) && chains.some((chain) => line.includes(` ${chain} `)))
        : undefined,
    ),
  };
}

/** The default network's table, which netd fills: `default via 192.168.1.1 dev wlan0 table wlan0`. */
function wayOutRow(replies: Replies, table: string | undefined, seen: Seen): PhoneRow {
  const { exitCode, text } = replies('routes');
  const own = text.split('\n').filter((line) => table !== undefined && ` ${line} `.includes(` table ${table} `));
  const line = own.find((each) => each.startsWith('default '));
  const dev = / dev (\S+)/.exec(line ?? '')?.[1];
  const isKnown = exitCode === 0 && table !== undefined;
  return {
    what: 'way out',
    answer: !isKnown ? 'cannot tell' : line === undefined ? 'no' : 'yes',
    says: !isKnown
      ? 'the table of the default network was not read'
      : line === undefined
        ? "no IPv4 route in its table: on a network with IPv6 alone, guests leave by netd's translator (v4-*)"
        : `by ${dev}, of ${own.length} ${own.length === 1 ? 'route' : 'routes'} in its table`,
    evidence: seen('routes', line?.replace(/\s+/g, ' ') ?? text.split('\n')[0]),
  };
}

/** What the VPN that is on takes, Tailscale's app or another; one that takes the guests' own addresses takes the phone's answers to them, too. */
function vpnRoutesRow(replies: Replies, subnet: string, seen: Seen): readonly PhoneRow[] {
  const { exitCode, text } = replies('routes');
  const lines = text.split('\n').filter((line) => /^\d[\d./]* .*\bdev tun\d+\b/.test(line) && !/ local /.test(line));
  if (exitCode !== 0 || lines.length === 0) return [];
  const own = parseSubnet(subnet);
  const met = lines.find((line) => {
    const [to = ''] = line.split(' ');
    const taken = parseSubnet(to);
    return own !== undefined && taken !== undefined && taken.bits > 1 && overlaps(own, taken);
  });
  return [
    {
      what: "routes of the app's VPN",
      answer: met === undefined ? 'yes' : 'no',
      says:
        met === undefined
          ? `${lines.length}, and none of them takes the guests' ${subnet}`
          : `one takes the guests' ${subnet}, as where another node of the tailnet routes it`,
      evidence: seen('routes', (met ?? lines[0])?.replace(/\s+/g, ' ')),
      hint: met === undefined ? undefined : 'vmkit host setup --subnet, with another one.',
    },
  ];
}

/** Its addresses are of 100.64.0.0/10, on the interface of an Android VPN. */
function tailscaleRow(replies: Replies, seen: Seen): PhoneRow {
  const tailscale = replies('tailscale');
  const isThere = tailscale.text.startsWith('package:');
  const addresses = [...replies('links').text.matchAll(/inet (\d+\.\d+\.\d+\.\d+)/g)].map(([, each = '']) => each);
  const address = addresses.find(isTailnetAddress);
  return {
    what: 'Tailscale app',
    answer: isThere ? 'yes' : tailscale.exitCode > 1 || tailscale.text !== '' ? 'cannot tell' : 'no',
    says: address === undefined ? 'not connected' : `connected, ${address}`,
    evidence: address === undefined ? seen('tailscale') : seen('links', address),
    hint: isThere && address === undefined ? 'Open the app and connect.' : undefined,
  };
}
