import type { Service } from '../../spec/service.ts';
import { asUser, uidOf } from '../../spec/uid.ts';

/** Processes and threads that one user may have: a service that forks without end stops itself, not the machine. */
const MOST_PROCESSES = 512;

/** What the kernel kills where memory is short (proc_pid_oom_score_adj(5)): the highest first. */
const OOM_SCORE = { vital: -900, ordinary: 100 };

/** Lines for a script of root's: what it starts is bound by these, whatever user it becomes. */
export function limits({ user, isVital }: Pick<Service, 'user' | 'isVital'>): string {
  const score = isVital === true ? OOM_SCORE.vital : OOM_SCORE.ordinary;
  // dash(1): -p is the number of processes.
  return `echo ${score} >/proc/self/oom_score_adj\n${user === 'root' ? '' : `ulimit -p ${MOST_PROCESSES}\n`}`;
}

/** The start of a command that runs a service with the rights that it needs, and no way to others (setpriv(1)). Empty for one that keeps all. */
export function confined({ user, capabilities }: Pick<Service, 'user' | 'capabilities'>): string {
  if (capabilities === 'all') return asUser(user);
  const id = uidOf(user);
  const identity = id === 0 ? '' : `--reuid=${id} --regid=${id} --clear-groups `;
  const kept = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
  return `setpriv ${identity}--no-new-privs --inh-caps=-all --bounding-set=${kept} -- `;
}
