import { HYPERVISORS } from '../virtualization.ts';
import { parseDevices, parseVmInfo } from './parse-replies.ts';
import type { CrosvmAnswer, PhoneWay } from './phone-row.ts';
import type { Replies } from './questions.ts';

/** The way that machines take on this phone. */
export function wayOf(replies: Replies, builds: readonly CrosvmAnswer[]): PhoneWay {
  const found = parseDevices(replies('devices').text);
  const hypervisor = Object.keys(HYPERVISORS).find((path) => found.has(path));
  const build = builds.find(({ takes }) => takes === true);
  const lacks = [
    ...(replies('user').text === '0' ? [] : ['root']),
    ...(hypervisor === undefined ? ['hypervisor that root may open'] : []),
    ...(build === undefined ? ['crosvm that takes a network card'] : []),
  ];
  if (lacks.length === 0) {
    return {
      way: 'crosvm',
      says: `${build?.program} as root, by ${hypervisor}`,
      costs: [
        'a bridge, TAPs and two rules at 9000 and 9001, which vmkit host teardown takes back',
        'a wake lock while machines run, so more of the battery',
        ...(hypervisor === '/dev/kvm' ? [] : [`${hypervisor} is untried by vmkit`]),
      ],
    };
  }
  if (parseVmInfo(replies('avf').text).unprotected === 'yes') {
    return {
      way: 'avf',
      says: `vm run, since there is no ${lacks.join(', no ')}`,
      costs: [
        'machines have no network card: their services are reached through adb forward and vsock, from the computer with the cable',
        'a machine ends with its adb session, and does not start with the phone',
        'one processor, or all of them; all reset some phones at boot (nr_cpus=2 helps)',
      ],
    };
  }
  return {
    way: 'none',
    says: `there is no ${lacks.join(', no ')}, and AVF runs no machine with a kernel of one's own`,
    costs: [],
  };
}
