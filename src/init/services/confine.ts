import { GUEST } from '../../core/guest-paths.ts';
import type { Service } from '../../spec/service.ts';
import { asUser, uidOf } from '../../spec/uid.ts';

/** Processes and threads that one user may have: a service that forks without end stops itself, not the machine. */
const MOST_PROCESSES = 512;

/** What the kernel kills where memory is short (proc_pid_oom_score_adj(5)): the highest first. */
const OOM_SCORE = { vital: -900, ordinary: 100 };

/**
 * The start of a command whose code and libraries lie at the same addresses each time (personality(2), ADDR_NO_RANDOMIZE), as do those of all that it starts. QEMU
 * 7.2 keeps translated code by its address: a program elsewhere is translated anew at each start, which takes four times as long. For what vmkit itself starts
 * again and again, and what hears nobody but the machine's own services.
 */
export const AT_FIXED_ADDRESSES = `${GUEST.busybox} linux64 -R `;

/** Its opposite: for daemons, logins, loggers, and whatever a person wrote. */
export const AT_RANDOM_ADDRESSES = `${GUEST.busybox} linux64 `;

/** For the scripts of a service that are not its daemon. */
export function forScriptsOf({ isOwn }: Pick<Service, 'isOwn'>): string {
  return isOwn === true ? AT_RANDOM_ADDRESSES : '';
}

/** Lines for a script of root's: what it starts is bound by these, whatever user it becomes. */
export function limits({ user, isVital }: Pick<Service, 'user' | 'isVital'>): string {
  const score = isVital === true ? OOM_SCORE.vital : OOM_SCORE.ordinary;
  return `echo ${score} >/proc/self/oom_score_adj\n${user === 'root' ? '' : `ulimit -u ${MOST_PROCESSES}\n`}`;
}

/** The start of a command that runs a service with the rights that it needs, and no way to others (setpriv(1)). Empty for one that keeps all. */
export function confined({ user, capabilities }: Pick<Service, 'user' | 'capabilities'>): string {
  if (capabilities === 'all') return `${asUser(user)}${AT_RANDOM_ADDRESSES}`;
  const id = uidOf(user);
  const identity = id === 0 ? '' : `--reuid=${id} --regid=${id} --clear-groups `;
  const kept = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
  return `/usr/bin/setpriv ${identity}--no-new-privs --inh-caps=-all --bounding-set=${kept} -- ${AT_RANDOM_ADDRESSES}`;
}
