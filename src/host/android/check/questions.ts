import { VIRT_PROGRAMS } from '../virtualization.ts';
/** What a phone is asked. Each question is a line for /system/bin/sh; none changes anything. */
export const QUESTIONS = {
  user: 'id -u',
  domain: 'cat /proc/self/attr/current',
  selinux: 'getenforce',
  properties: 'getprop',
  kernel: 'uname -r',
  root: 'ls -d /data/adb/magisk /data/adb/ksu /data/adb/ap',
  avf: `${VIRT_PROGRAMS}/vm info`,
  machines: `${VIRT_PROGRAMS}/vm list`,
  crosvm: `ls -d ${VIRT_PROGRAMS}/crosvm*`,
  devices: 'ls -ld /dev/kvm /dev/gzvm /dev/gunyah /dev/vhost-vsock /dev/net/tun /dev/tun',
  rules: 'ip -4 rule',
  links: 'ip -4 -o address',
  routes: 'ip -4 route show table all',
  forward: 'iptables -w -S',
  nat6: 'ip6tables -w -t nat -S POSTROUTING',
  forwarding: 'cat /proc/sys/net/ipv4/ip_forward',
  storage: 'df -Pk /data/local/tmp',
  memory: 'cat /proc/meminfo',
  processors: 'nproc',
  battery: 'dumpsys battery',
  thermal: 'dumpsys thermalservice',
  doze: 'cmd deviceidle get deep',
  phantoms: 'settings get global settings_enable_monitor_phantom_procs',
  mostPhantoms: 'device_config get activity_manager max_phantom_processes',
  tailscale: 'pm path com.tailscale.ipn',
} as const;

export type Question = keyof typeof QUESTIONS;

/** An answer, in the words of who gave it. */
export interface Reply {
  readonly exitCode: number;
  readonly text: string;
}

export type Replies = (question: Question) => Reply;

/** How long one answer may take, in seconds: dumpsys waits for services of the phone that may hang. */
const WITHIN_S = 5;
const HEAD = '=== ';

/** Asks all of them, one after the other, for the arguments `QUESTION COMMAND QUESTION COMMAND ...`. */
export const ASK = `export PATH=$PATH:/system/bin:/vendor/bin
while [ $# -gt 0 ]; do
  text=$(timeout ${WITHIN_S} sh -c "$2" 2>&1 </dev/null)
  echo "${HEAD}$1 $?"
  echo "$text"
  shift 2
done
`;

/** The arguments of ASK. */
export function askArguments(): readonly string[] {
  return Object.entries(QUESTIONS).flat();
}

/** What ASK printed. A question without an answer has exit code 127. */
export function parseReplies(printed: string): Replies {
  const found = new Map<string, Reply>();
  for (const part of `\n${printed}`.split(`\n${HEAD}`).slice(1)) {
    const [head = '', ...lines] = part.split('\n');
    const [question = '', exitCode] = head.split(' ');
    found.set(question, { exitCode: Number(exitCode), text: lines.join('\n').trim() });
  }
  return (question) => found.get(question) ?? { exitCode: 127, text: 'no answer' };
}
