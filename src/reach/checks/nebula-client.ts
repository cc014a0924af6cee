import type { Facts } from '../facts.ts';
import { broken, type Check, fine, onDial, said } from './check.ts';
import { CLOCK_SECONDS, clockText } from './guest.ts';
import { renewText, udpPort } from './nebula.ts';

/** A client that comes in by this host's UDP port. */

export const nebulaPort: Check = {
  id: 'nebula-port',
  title: "the host's UDP port leads to the guest",
  hop: 'host',
  look: (facts) => {
    const client = facts.nebula?.client;
    if (client === undefined) return undefined;
    const { ask, handshake } = client;
    if (ask.exitCode === 0 || handshake.exitCode === 0) return fine(ask);
    return broken(
      {
        cause: 'nebula-udp-no-answer',
        title: `UDP ${udpPort(facts)} of the host does not lead to the guest`,
        observed: said(ask),
        fix: `Does a firewall drop UDP ${udpPort(facts)} (nft list ruleset)? vmkit expose ${facts.target.machine} --via nebula`,
      },
      ask,
      handshake,
    );
  },
};

export const nebulaHandshake: Check = {
  id: 'nebula-handshake',
  title: 'the handshake succeeds',
  hop: 'peer',
  look: (facts) => {
    const client = facts.nebula?.client;
    if (client === undefined) return undefined;
    const { handshake, guestLog } = client;
    if (handshake.exitCode === 0) return fine(handshake);
    const refused = refusedCertificate(facts);
    if (refused === undefined) {
      return broken(
        {
          cause: 'nebula-no-handshake',
          title: 'no handshake with the machine',
          observed: said(handshake),
          fix: `vmkit logs ${facts.target.machine} nebula`,
        },
        handshake,
        guestLog,
      );
    }
    const isByClient = REFUSED.test(handshake.output);
    const { machine } = facts.target;
    const ahead = facts.guest?.clockAhead ?? 0;
    const isOfTime = /expired|not yet|time/i.test(refused.replace(/^.*?msg=/, ''));
    const isClock = !isByClient && isOfTime && Math.abs(ahead) >= CLOCK_SECONDS;
    return broken(
      {
        cause: 'nebula-certificate-refused',
        title: isByClient
          ? "the client refuses the machine's certificate"
          : isClock
            ? "the machine refuses the client's certificate, by a clock that is wrong"
            : "the machine refuses the client's certificate",
        observed: isClock ? `${refused}; ${clockText(ahead, { machine }).observed}` : refused,
        fix: isClock
          ? clockText(ahead, { machine }).fix
          : isOfTime
            ? renewText(machine)
            : `Is it of this machine's CA, and was the machine booted since? vmkit stop ${machine}; vmkit boot ${machine}`,
      },
      handshake,
      guestLog,
    );
  },
};

/** What one of both ends says of the other's certificate; undefined: it refused none. */
export function refusedCertificate(facts: Facts): string | undefined {
  return (REFUSED.exec(facts.nebula?.client?.handshake.output ?? '') ?? REFUSED.exec(newLines(facts)))?.[0];
}

/** What the guest's nebula said since the client began. */
function newLines({ nebula }: Facts): string {
  const before = new Set(nebula?.client?.logBefore?.output.split('\n'));
  const lines = nebula?.client?.guestLog?.output.split('\n') ?? [];
  return lines.filter((line) => !before.has(line)).join('\n');
}

/** handshake_ix.go says so on both sides, with the error beside it: `error="certificate validation failed: ..."`. */
const REFUSED = /^.*Invalid certificate from host.*$/m;

export const nebulaAnswers: Check = {
  id: 'nebula-answers',
  isOfDial: true,
  title: 'the client gets an answer from the service',
  hop: 'peer',
  look: onDial(
    ({ nebula }) => nebula?.client?.dial,
    ({ result, observation }, { target }) => ({
      title: `the client's dial ended: ${result}`,
      observed: said(observation),
      fix: `Was the machine booted since ${target.name} got its port? vmkit stop ${target.machine}; vmkit boot ${target.machine}`,
    }),
  ),
};
