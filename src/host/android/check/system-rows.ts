import {
  availableMib,
  countMachines,
  freeMib,
  type Kind,
  parseDevices,
  parseKmi,
  parseProperties,
  parseVmInfo,
} from './parse-replies.ts';
import { evidence, type PhoneRow } from './phone-row.ts';
import { QUESTIONS, type Question, type Replies } from './questions.ts';

const FIRST_RELEASE = 13;

/** What a phone is, and what it may run. */
export function systemRows(replies: Replies): readonly PhoneRow[] {
  const seen = (question: Question, line = replies(question).text): string => evidence(QUESTIONS[question], line);
  return [
    release(replies),
    kernel(replies, seen),
    unlocked(replies),
    root(replies, seen),
    ...hypervisors(replies),
    ...avf(replies, seen),
    room(replies, seen),
  ];
}

type Seen = (question: Question, line?: string) => string;

function release(replies: Replies): PhoneRow {
  const of = (name: string): string => parseProperties(replies('properties').text).get(name) ?? '';
  const number = Number.parseInt(of('ro.build.version.release'), 10);
  return {
    what: 'Android',
    answer: Number.isNaN(number) ? 'cannot tell' : number >= FIRST_RELEASE ? 'yes' : 'no',
    says: `${of('ro.build.version.release') || '?'} on ${of('ro.product.model') || '?'}, patches of ${of('ro.build.version.security_patch') || '?'}`,
    evidence: evidence('getprop ro.build.fingerprint', of('ro.build.fingerprint')),
    hint: number < FIRST_RELEASE ? 'Android 13 is the first that has crosvm.' : undefined,
  };
}

function kernel(replies: Replies, seen: Seen): PhoneRow {
  const kmi = parseKmi(replies('kernel').text);
  return {
    what: 'kernel',
    answer: kmi === undefined ? 'cannot tell' : 'yes',
    says: kmi === undefined ? "not Google's generic one: what it has is the maker's choice" : `generic, ${kmi}`,
    evidence: seen('kernel'),
  };
}

/** Before the first unlock apps do not run, so nobody grants root, and Wi-Fi with a password may be away. */
function unlocked(replies: Replies): PhoneRow {
  const value = parseProperties(replies('properties').text).get('sys.user.0.ce_available');
  return {
    what: 'unlocked since its start',
    answer: value === 'true' ? 'yes' : value === 'false' ? 'no' : 'cannot tell',
    says: value === 'false' ? "apps do not run yet; vmkit's own files are readable" : 'apps run',
    evidence: evidence('getprop sys.user.0.ce_available', value ?? ''),
    hint: value === 'false' ? 'Unlock it once.' : undefined,
  };
}

function root(replies: Replies, seen: Seen): PhoneRow {
  const folders = replies('root').text;
  const kinds = [
    ['magisk', 'Magisk'],
    ['ksu', 'KernelSU'],
    ['ap', 'APatch'],
  ] as const;
  const kind = kinds
    .filter(([folder]) => new RegExp(`^/data/adb/${folder}$`, 'm').test(folders))
    .map(([, name]) => name);
  const domain = replies('domain').text.replace(/\0/g, '');
  const isRoot = replies('user').text === '0';
  return {
    what: 'root',
    answer: isRoot ? 'yes' : 'no',
    says: isRoot
      ? `${kind.join(', ') || 'adbd itself, or another su'}; SELinux ${replies('selinux').text.toLowerCase()}, domain ${domain}`
      : "adb's own user: no network card for machines, no start with the phone",
    evidence: seen('user'),
    hint: isRoot ? undefined : 'A phone with Magisk, KernelSU or APatch, and root granted to the app Shell.',
  };
}

/** What crosvm opens, in its order (src/crosvm/sys/linux.rs), and what each asks for. */
const HYPERVISORS = [
  ['KVM', '/dev/kvm', 'root opens it, nobody else'],
  ['GenieZone', '/dev/gzvm', 'MediaTek; tried by others with a plain command line'],
  [
    'Gunyah',
    '/dev/gunyah',
    'Qualcomm; needs a guest kernel with DMA_RESTRICTED_POOL, memory that may be locked, --swiotlb',
  ],
] as const;

function hypervisors(replies: Replies): readonly PhoneRow[] {
  const found = parseDevices(replies('devices').text);
  const there = HYPERVISORS.filter(([, path]) => found.has(path));
  return [
    ...(there.length === 0
      ? [
          deviceRow(
            replies,
            'hypervisor KVM',
            '/dev/kvm',
            'virtmgr opens it for AVF',
            'Some phones have it only where virtualization is on, or the boot loader unlocked.',
          ),
        ]
      : there.map(([name, path, needs]) => deviceRow(replies, `hypervisor ${name}`, path, needs))),
    deviceRow(replies, 'vsock', '/dev/vhost-vsock', 'machines have a channel without a network'),
    deviceRow(
      replies,
      'TAP',
      '/dev/net/tun',
      'where crosvm looks for it',
      'vmkit host setup makes a link to /dev/tun.',
    ),
  ];
}

/** A device is there, is not, or SELinux does not let this user see it: then AVF may know. */
function deviceRow(replies: Replies, what: string, path: string, says: string, hint?: string): PhoneRow {
  const listed = replies('devices').text;
  const line = parseDevices(listed).get(path);
  const known = replies('avf')
    .text.split('\n')
    .find((each) => each.startsWith(`${path} `));
  if (line === undefined && known === `${path} exists.`) {
    return { what, answer: 'yes', says, evidence: evidence(QUESTIONS.avf, known) };
  }
  const said = line ?? listed.split('\n').find((each) => each.includes(`${path}:`)) ?? '';
  const isAbsent = /No such file/.test(said);
  return {
    what,
    answer: line !== undefined ? 'yes' : isAbsent ? 'no' : 'cannot tell',
    says: line !== undefined ? says : isAbsent ? `no ${path}` : `${path} is not shown to this user`,
    evidence: evidence(`ls -ld ${path}`, said),
    hint,
  };
}

function avf(replies: Replies, seen: Seen): readonly PhoneRow[] {
  const { exitCode, text } = replies('avf');
  const info = parseVmInfo(text);
  const answer = (kind: Kind): PhoneRow['answer'] => (kind === 'unknown' ? 'cannot tell' : kind);
  const said = seen('avf', text.split('\n').find((line) => /VMs/.test(line)) ?? text);
  const count = countMachines(replies('machines').text);
  return [
    {
      what: 'AVF',
      answer: answer(info.unprotected),
      says: exitCode === 0 ? `machines with a kernel of one's own; ${count} run now` : 'vm gives no answer',
      evidence: said,
      hint: info.unprotected === 'no' ? 'Protected machines run signed kernels only.' : undefined,
    },
    {
      what: 'AVF, protected',
      answer: answer(info.isProtected),
      says: "of no use to vmkit: they run kernels that the phone's maker signed",
      evidence: said,
    },
  ];
}

const NEEDED_MIB = 1024;

function room(replies: Replies, seen: Seen): PhoneRow {
  const [free, available] = [freeMib(replies('storage').text), availableMib(replies('memory').text)];
  const isEnough = free !== undefined && available !== undefined && Math.min(free, available) >= NEEDED_MIB;
  return {
    what: 'room',
    answer: free === undefined || available === undefined ? 'cannot tell' : isEnough ? 'yes' : 'no',
    says: `${free ?? '?'} MiB of storage, ${available ?? '?'} MiB of memory, ${replies('processors').text} processors`,
    evidence: seen('storage', replies('storage').text.split('\n').at(-1)),
    hint: isEnough ? undefined : `A machine wants about ${NEEDED_MIB} MiB of each.`,
  };
}
