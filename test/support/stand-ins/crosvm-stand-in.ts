/**
 * A STAND-IN for crosvm's parser, not crosvm: it takes and refuses command lines as the builds of each Android release do, with their words, and does nothing
 * else. The options are those of external/crosvm (src/main.rs of android-13, src/crosvm/cmdline.rs since); the words were said by builds of
 * crosvm f1e797a for x86_64 and arm64, and read in source for android-13. Where VMKIT_CROSVM names a real one, test/machine/vmm/crosvm-real.test.ts asks that.
 */
export const RELEASES = ['13', '14', '14 QPR2', '15', '15 QPR2', '16', '17', 'minimal'] as const;
export type Release = (typeof RELEASES)[number];

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}
type Check = (value: string) => string | undefined;

const KEYS: Readonly<Record<string, readonly string[]>> = {
  block: ['path', 'ro', 'root', 'sparse', 'direct', 'o_direct', 'lock', 'block-size', 'block_size', 'id'],
  net: ['tap-name', 'mac', 'tap-fd', 'vhost-net', 'vq-pairs', 'pci-address', 'host-ip', 'netmask'],
  vsock: ['cid', 'device', 'max-queue-sizes'],
  serial: ['type', 'hardware', 'num', 'path', 'input', 'console', 'earlycon', 'stdin', 'name'],
  words: ['path', 'sparse', 'block_size', 'o_direct', 'id'],
};
const SERIAL_TYPES = ['file', 'stdout', 'sink', 'syslog', 'unix', 'unix-stream'];
const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i;

/** Runs `crosvm --extended-status run …`; `exists` says which files there are. */
export function crosvmStandIn(
  release: Release,
  argv: readonly string[],
  exists: (path: string) => boolean = (path) => !path.startsWith('/nonexistent'),
): Ended {
  const isOld = release === '13';
  const refuse = (text: string): Ended => ({
    exitCode: isOld ? 1 : 35,
    stdout: '',
    stderr: isOld ? `[ERROR:src/main.rs:3001] ${text}` : `arg parsing failed: ${text}`,
  });
  const [, status, command, ...words] = argv;
  if (status !== '--extended-status' || command !== 'run') return refuse(`invalid subcommand: "${command}"`);
  const options = optionsOf(release, exists);
  const seen = new Set<string>();
  const positional: string[] = [];
  let initrd: string | undefined;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (!word.startsWith('-')) {
      positional.push(word);
      continue;
    }
    const option = options.get(word);
    if (option === undefined) return refuse(isOld ? `unknown argument: ${word}` : `Unrecognized argument: ${word}`);
    if (option.once && seen.has(word))
      return refuse(isOld ? `too many arguments: ${word}` : 'duplicate values provided');
    seen.add(word);
    if (option.check === 'flag') continue;
    at += 1;
    const value = words[at];
    if (value === undefined) return refuse(`No value provided for option '${word}'.`);
    const wrong = option.check(value);
    if (wrong !== undefined)
      return refuse(isOld ? wrong : `Error parsing option '${word}' with value '${value}': ${wrong}`);
    if (word === '-i' || word === '--initrd') initrd = value;
  }
  if (positional.length !== 1) return refuse(`expected argument: \`KERNEL\``);
  if (isOld && seen.has('--mac') && !seen.has('--host_ip'))
    return refuse('expected argument: `host_ip` missing from network config');
  const missing = [positional[0], initrd].find((path) => path !== undefined && !exists(path));
  if (missing === undefined) return { exitCode: 0, stdout: '', stderr: '' };
  const failed = `failed to open initrd ${missing}: No such file or directory (os error 2)`;
  return {
    exitCode: 1,
    stdout: '',
    stderr: isOld
      ? `[ERROR:src/main.rs:2900] crosvm has exited with error: ${failed}`
      : `exiting with error 1: ${failed}`,
  };
}

interface Option {
  readonly check: 'flag' | Check;
  readonly once?: boolean;
}

function optionsOf(release: Release, exists: (path: string) => boolean): ReadonlyMap<string, Option> {
  const number: Check = (value) =>
    /^\d+$/.test(value)
      ? undefined
      : `invalid characters for number or number does not fit into its destination type at position 0`;
  const any: Check = () => undefined;
  const disk: Check = (value) => {
    const [path = '', ...rest] = value.split(',');
    return (
      keys('words', [`path=${path}`, ...rest]) ??
      (exists(path) ? undefined : `invalid value "${path}": this disk path does not exist`)
    );
  };
  const options = new Map<string, Option>([
    ['--disable-sandbox', { check: 'flag' }],
    ['-c', { check: number, once: true }],
    ['-m', { check: number, once: true }],
    ['--serial', { check: serial }],
    ['-s', { check: any, once: true }],
    ['-p', { check: any }],
    ['-i', { check: any, once: true }],
    ['--no-balloon', { check: 'flag' }],
    ['--protected-vm-without-firmware', { check: 'flag' }],
    ['--swiotlb', { check: number, once: true }],
    ['--cid', { check: number, once: true }],
    ['-d', { check: disk }],
    ['--rwdisk', { check: disk }],
    ['--tap-name', { check: any }],
    ['--mac', { check: any, once: true }],
    ['--host_ip', { check: any, once: true }],
    ['--netmask', { check: any, once: true }],
  ]);
  if (release === '13') return options;
  options.set('--block', { check: (value) => keys('block', value.split(',')) ?? idOf(value) });
  if (release === 'minimal') options.delete('--tap-name');
  options.set('--vsock', { check: (value) => keys('vsock', value.split(',')), once: true });
  if (release !== 'minimal') options.set('--net', { check: net });
  if (release === '14' || release === '14 QPR2' || release === '15') return options;
  options.set('--name', { check: any, once: true });
  options.set('--no-pmu', { check: 'flag', once: true });
  return options;
}

function keys(of: string, parts: readonly string[]): string | undefined {
  const known = KEYS[of] ?? [];
  const strange = parts.map((part) => part.split('=')[0] ?? '').find((key) => !known.includes(key));
  return strange === undefined
    ? undefined
    : `unknown field \`${strange}\`, expected one of ${known.map((key) => `\`${key}\``).join(', ')}`;
}

function idOf(value: string): string | undefined {
  const id = /(?:^|,)id=([^,]*)/.exec(value)?.[1] ?? '';
  return id.length > 20 ? 'disk id must be 20 or fewer characters' : undefined;
}

/** It does not say which key is wrong. */
function net(value: string): string | undefined {
  const parts = value.split(',');
  const mac = parts.find((part) => part.startsWith('mac='))?.slice('mac='.length);
  const isRight = keys('net', parts) === undefined && (mac === undefined || MAC.test(mac));
  return isRight ? undefined : 'data did not match any variant of untagged enum NetParametersMode';
}

function serial(value: string): string | undefined {
  const parts = value.split(',');
  const type = parts.find((part) => part.startsWith('type='))?.slice('type='.length) ?? 'sink';
  if (!SERIAL_TYPES.includes(type)) {
    return `unknown variant \`${type}\`, expected one of ${SERIAL_TYPES.map((each) => `\`${each}\``).join(', ')}`;
  }
  return keys('serial', parts);
}
