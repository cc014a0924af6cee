import { said } from './checks/check.ts';
import type { Facts } from './facts.ts';
import type { Finding } from './report.ts';

/** What is wrong beside the ways, and hinders a look or will hinder a person later. Pure. */
export function besideTheWays(facts: Facts): Finding[] {
  return [sshDown(facts), controlAway(facts), peerMissing(facts)].filter((each) => each !== undefined);
}

function sshDown({ guest, guestBy, guestError, target }: Facts): Finding | undefined {
  if (guest === undefined || guestBy !== 'console') return undefined;
  return {
    cause: 'ssh-down',
    hop: 'guest',
    title: 'the guest takes no ssh; its console answers',
    observed: guestError ?? 'no answer by ssh',
    fix: `vmkit console ${target.machine}, and there: s6-svc -u /run/service/ssh; ip rule; ss -ltnp`,
  };
}

function controlAway({ control, guest }: Facts): Finding | undefined {
  if (control === undefined || control.exitCode === 0) return undefined;
  return {
    cause: 'control-away',
    hop: 'control',
    title: 'the control server does not answer: nobody joins, and what is joined goes on as it is',
    observed: [said(control), ...(guest?.status?.Health ?? [])].join('; '),
    fix: 'Start the control server, or mend the way to it; nodes that are in the tailnet still reach each other',
  };
}

function peerMissing({ peerError, target }: Facts): Finding | undefined {
  if (peerError === undefined) return undefined;
  return {
    cause: 'peer-not-joined',
    hop: 'peer',
    title: 'no peer could look, so no way is called working',
    observed: peerError,
    fix: `vmkit probe ${target.machine} --from ssh://HOST, with a host that is in the tailnet already`,
  };
}
