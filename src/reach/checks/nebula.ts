import { GUEST } from '../../core/guest-paths.ts';
import { typedAddress } from '../addresses.ts';
import type { Facts } from '../facts.ts';
import { validityOf } from '../look/tunnels/nebula-facts.ts';
import { broken, type Check, fine, onObserved, said } from './check.ts';
import { CLOCK_SECONDS } from './guest.ts';
import { listensInTunnel } from './listens.ts';

/** The machine as a node of Nebula. */

function overlayAddress({ nebula }: Facts): string | undefined {
  return nebula?.node.address.replace(/\/.*/, '');
}

export function udpPort({ nebula }: Facts): number {
  return nebula?.node.port ?? 0;
}

export const overlayListens = listensInTunnel('overlay-backend', overlayAddress);

export const nebulaTun: Check = {
  id: 'nebula-tun',
  title: '/dev/net/tun is there',
  hop: 'guest',
  look: onObserved('guest', 'tun', [], (tun, { target }) =>
    tun.exitCode === 0
      ? undefined
      : {
          cause: 'tun-missing',
          title: '/dev/net/tun is missing in the guest',
          observed: said(tun),
          fix: `Nebula needs CONFIG_TUN=y, or use the default profile; vmkit check-kernel ${target.machine}`,
        },
  ),
};

export const nebulaRuns: Check = {
  id: 'nebula-runs',
  title: 'nebula runs',
  hop: 'guest',
  look: onObserved('guest', 'nebulaSocket', ['nebulaLog'], (sockets, facts) => {
    const port = udpPort(facts);
    if (sockets.output.split('\n').some((line) => new RegExp(`:${port}\\s.*"nebula"`).test(line))) return undefined;
    const { machine } = facts.target;
    return {
      cause: 'nebula-down',
      title: 'nebula does not run in the guest',
      observed: `ss -lunp: no socket of nebula on UDP ${port}`,
      fix: `vmkit logs ${machine} nebula; vmkit exec ${machine} -- s6-svc -u ${GUEST.supervised}/nebula`,
    };
  }),
};

export const certificateValid: Check = {
  id: 'nebula-certificate',
  title: "the machine's certificate is valid now",
  hop: 'guest',
  look: (facts) => {
    const printed = facts.guest?.observed.get('nebulaCertificate');
    if (printed === undefined) return undefined;
    const validity = validityOf(printed.output);
    const clock = facts.guest?.observed.get('clock');
    const now = Number(clock?.output);
    if (validity !== undefined && now >= validity.from && now <= validity.to) return fine(printed, clock);
    const { machine } = facts.target;
    const at = (seconds: number): string => new Date(seconds * 1000).toISOString();
    return broken(
      {
        cause: 'nebula-certificate-invalid',
        title:
          validity === undefined
            ? "the machine's certificate cannot be read"
            : "the machine's certificate is not valid now",
        observed:
          validity === undefined
            ? said(printed)
            : `valid from ${at(validity.from)} to ${at(validity.to)}; the guest's clock says ${at(now)}`,
        fix:
          Math.abs(facts.guest?.clockAhead ?? 0) < CLOCK_SECONDS
            ? renewText(machine)
            : `vmkit exec ${machine} -- date -s @$(date +%s)`,
      },
      printed,
      clock,
    );
  },
};

/** For a new CA, and new certificates of all. */
export function renewText(machine: string): string {
  return `vmkit stop ${machine}; delete the folder nebula of its secrets for a new CA; vmkit boot ${machine}`;
}

/** Why the definition or this host does not offer it. */
export function noNebula(facts: Facts): string | undefined {
  const { nebula, target } = facts;
  if (nebula === undefined) return 'the machine has no Nebula: add `- use: nebula` to its services';
  return nebula.isForwarded ? undefined : `not set up: vmkit expose ${target.machine} --via nebula`;
}

export function nebulaAddress(facts: Facts): string {
  return typedAddress(facts.target, overlayAddress(facts) ?? '', facts.target.port);
}

/** What would be seen if this host's UDP port led to the machine: whether anything else stands in the way. */
export function asForwarded(facts: Facts): Facts {
  const { nebula } = facts;
  return nebula === undefined ? facts : { ...facts, nebula: { ...nebula, isForwarded: true } };
}
