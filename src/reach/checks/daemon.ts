import type { Facts } from '../facts.ts';
import { TAILSCALED } from '../look/guest/daemon-state.ts';
import { LATE } from '../look/guest/guest-facts.ts';
import { broken, type Check, fine, said, warned } from './check.ts';

/** One that is asked and uses less of the processor hangs, in milliseconds; one in a slow guest works on the question. */
const IDLE_MS = 200;
/** s6 keeps the last deaths of a service, each with its time, since it was told to be up (s6-svdt); a few within a minute or two are a loop. */
const LOOP_DEATHS = 3;
/** As long as tailscaled takes at most until it listens, in seconds. */
const STARTS_SECONDS = 20;

export const daemonAnswers: Check = {
  id: 'tailscaled',
  title: 'tailscaled answers',
  hop: 'tailscaled',
  look: (facts) => {
    const { guest, target } = facts;
    if (guest?.status !== undefined) return fine(guest.observed.get('status'));
    const [status, daemon, deaths] = ['status', 'daemon', 'deaths'].map((id) => guest?.observed.get(id));
    const state = daemonState(facts);
    const all = [status, daemon, deaths, guest?.observed.get('log')] as const;
    const seen = [...(status === undefined ? [] : [said(status)]), state].filter((text) => text !== '');
    const base = { observed: seen.join('; ').replaceAll('\n', ', '), fix: `vmkit logs ${target.machine} tailscale` };
    const halt = haltedBy(state, target.machine);
    if (halt !== undefined) return broken({ ...base, ...halt, cause: 'tailscaled-hangs' }, ...all);
    const died = (deaths?.output ?? '').split('\n').filter((line) => /exitcode|signal/.test(line)).length;
    if (died >= LOOP_DEATHS) {
      const title = `tailscaled ends again and again, ${died} times by now`;
      return broken({ ...base, cause: 'tailscaled-crashes', title }, ...all);
    }
    const used = usedIn(status?.output);
    const isLate = status === undefined || status.exitCode === LATE;
    const isIdle = isLate && ((used ?? IDLE_MS) < IDLE_MS || usedIn(facts.watches?.guest?.daemon) === 0);
    if (isIdle) {
      const observed = `${base.observed}; it used ${used ?? 0} ms of the processor while it was asked`;
      const title = 'tailscaled runs and answers nothing';
      return broken({ ...base, observed, cause: 'tailscaled-hangs', title }, ...all);
    }
    if (status === undefined) return undefined;
    if (isLate) {
      const observed = used === undefined ? base.observed : `it used ${used} ms of the processor in 5 s`;
      const title = 'tailscaled works, and does not answer in time';
      return warned({ ...base, observed, cause: 'guest-slow', title }, ...all);
    }
    const since = Number(/^up \(pid \d+\) (\d+) seconds/m.exec(state)?.[1] ?? 0);
    if (since > STARTS_SECONDS) {
      const title = 'tailscaled runs, and its socket for commands does not lead to it';
      const fix = `vmkit exec ${target.machine} -- s6-svc -r ${TAILSCALED}`;
      return broken({ ...base, fix, cause: 'tailscaled-socket', title }, ...all);
    }
    return broken({ ...base, cause: 'tailscaled-down', title: 'tailscaled does not answer in the guest' }, ...all);
  },
};

/** What was seen of its process, when the guest was looked at and when it was watched. */
function daemonState({ guest, watches }: Facts): string {
  return [guest?.observed.get('daemon')?.output, watches?.guest?.daemon]
    .filter((text) => text !== undefined)
    .join('\n');
}

/** Time on the processor while it was asked, in milliseconds. */
function usedIn(text: string | undefined): number | undefined {
  const used = /^used (\d+) ms$/m.exec(text ?? '')?.[1];
  return used === undefined ? undefined : Number(used);
}

/** Why its process does not run (proc_pid_stat(5); cgroup.freeze, cgroups(7)); undefined: it may. */
function haltedBy(state: string, machine: string): { readonly title: string; readonly fix: string } | undefined {
  if (/^state [Tt]$/m.test(state)) {
    const title = 'tailscaled is halted by a signal (SIGSTOP)';
    return { title, fix: `vmkit exec ${machine} -- pkill -CONT tailscaled` };
  }
  if (/^frozen 1$/m.test(state)) {
    const title = 'tailscaled is frozen: its group of processes is (cgroup.freeze)';
    return { title, fix: `vmkit exec ${machine} -- sh -c 'echo 0 >/sys/fs/cgroup/GROUP/cgroup.freeze'` };
  }
  // Once may be by chance.
  if ((state.match(/^state D$/gm) ?? []).length < 2) return undefined;
  const title = 'tailscaled waits in the kernel, for a disk or for memory (state D)';
  return { title, fix: `vmkit exec ${machine} -- sh -c 'free; df; dmesg | tail'` };
}
