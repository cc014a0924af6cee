import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolvePaths } from '../../src/core/paths.ts';
import { resolveSource } from '../../src/kernel/sources/sources.ts';
import { contextIn } from '../../test/support/context.ts';
import { type Comparison, compare, parseResults, type Results } from '../conformance/counts.ts';
import { runScript } from '../conformance/run-script.ts';
import { buildSuites, GO_SUITES, selftestScripts } from '../conformance/suites.ts';
import { stop, withOwnMachines } from '../machine.ts';
import { MAIN, type Measure, type Row, time, vmkit } from '../measure.ts';
import { CACHE } from '../rows.ts';

const NAME = 'conformance';
const PACKAGES = 'nftables iptables iproute2 iputils-ping conntrack socat iperf3 jq bc procps kmod';
const DEFINITION = `name: ${NAME}
memory: 1GiB
data: 1GiB
network: { kind: user, world: none }
services:
  - name: tests
    packages: [${PACKAGES.split(' ').join(', ')}]
    run: exec sleep infinity
    ready: { check: "true" }
`;

/** Of github.com/vishvananda/netlink: what concerns links, rules, routes and connections. Classes and filters, IPsec, RDMA and the rest are a row of their own. */
const LINKS = /^Test(Link|Veth|Bridge|Rule|Route|Conntrack|Neigh|Addr|Tuntap|Netkit|MTU|RtoMin|FilterDefaultRoute)/;

const OTHERS = new RegExp(`^(?!${LINKS.source.slice(1)})`);

/** The tests of programs that speak to the kernel's network, on vmkit's kernel and on Debian's, in one run. */
export const conformance: Measure = {
  name: 'kernel-conformance',
  run: () =>
    withOwnMachines(async (env) => {
      const folder = await mkdtemp(join(tmpdir(), 'vmkit-bench-'));
      try {
        const tree = await sourceTree(folder);
        await buildSuites(join(folder, 'suites'), tree, CACHE);
        await writeFile(join(folder, 'suites/run'), runScript(await selftestScripts(tree)));
        await writeFile(join(folder, 'vm.yaml'), DEFINITION);
        const archive = join(folder, 'suites.tar');
        await time(['tar', '-C', join(folder, 'suites'), '-cf', archive, '.']);
        const on = async (kernel: string): Promise<Results> => {
          await vmkit(['boot', folder, '--kernel', kernel], env);
          try {
            return parseResults(await inGuest(archive, env));
          } finally {
            await stop(NAME, env);
          }
        };
        return rows(await on('vmkit'), await on('debian'));
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }),
};

/** The source that vmkit's own kernel is built from. */
async function sourceTree(folder: string): Promise<string> {
  const context = { ...contextIn(folder), paths: resolvePaths() };
  return await (await resolveSource(undefined, context)).tree(context);
}

/** Sends the archive to the guest, runs it there, and returns what it printed. */
async function inGuest(archive: string, env: Record<string, string>): Promise<string> {
  const script = 'mkdir -p /data/suites && cd /data/suites && tar -x && exec bash ./run </dev/null';
  const file = await open(archive);
  const child = spawn(process.execPath, [MAIN, 'exec', NAME, '--', 'sh', '-c', script], {
    env: { ...process.env, ...env },
    stdio: [file.fd, 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [code]: unknown[] = await once(child, 'close');
  await file.close();
  if (code !== 0) throw new Error(`The tests in the guest ended with ${String(code)}:\n${said.slice(-2000)}`);
  return said;
}

function rows(ours: Results, theirs: Results): readonly Row[] {
  const suites = [...new Set([...ours.keys(), ...theirs.keys()])];
  const scripts = suites.filter((suite) => !GO_SUITES.some(({ name }) => name === suite));
  return [
    asRow('google/nftables, system tests', [compare('google/nftables', ours, theirs)]),
    asRow("Tailscale's util/linuxfw", [compare('linuxfw', ours, theirs)]),
    asRow('vishvananda/netlink: links, rules, routes, connections', [compare('netlink', ours, theirs, LINKS)]),
    asRow('vishvananda/netlink: all else', [compare('netlink', ours, theirs, OTHERS)], false),
    asRow(
      `the kernel's own: ${scripts.length} scripts`,
      scripts.map((suite) => inScript(suite, compare(suite, ours, theirs))),
    ),
  ];
}

/** A script's cases are named with it; of many the first one tells, since a script that ends early loses all that follow. */
function inScript(script: string, one: Comparison): Comparison {
  const short = ([first, ...others]: readonly string[]): readonly string[] => {
    if (first === undefined) return [];
    const name = first === 'all' ? script : `${script} (${first})`;
    return [others.length === 0 ? name : `${name} and ${others.length} more of it`];
  };
  return { ...one, fewer: short(one.fewer), late: short(one.late) };
}

/** Where `mustHold`, no test that passes on Debian's kernel may fail on vmkit's own. */
function asRow(what: string, all: readonly Comparison[], mustHold = true): Row {
  const sum = (of: (one: Comparison) => number): number => all.reduce((total, one) => total + of(one), 0);
  const [fewer, late] = [all.flatMap((one) => one.fewer), all.flatMap((one) => one.late)];
  const told = [
    fewer.length === 0 ? 'none passes on theirs only' : `on theirs only: ${fewer.join(', ')}`,
    ...(late.length === 0 ? [] : [`no end in time on vmkit's: ${late.join(', ')}`]),
  ];
  return {
    what: `${what}: passed on vmkit's kernel, on Debian's`,
    measured: `${sum((one) => one.ours)}, ${sum((one) => one.theirs)} of ${sum((one) => one.tests)}`,
    reach: mustHold ? 'none fewer' : 'known',
    met: !mustHold || fewer.length + late.length === 0,
    how: told.join('; '),
  };
}
