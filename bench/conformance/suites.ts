import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { time } from '../measure.ts';

/** Tests of a Go module, as one program without libraries of its own. */
interface GoSuite {
  readonly name: string;
  /** Of the module proxy; `sum` is what go.sum would hold. */
  readonly module: string;
  readonly version: string;
  readonly sum: string;
  readonly folder: string;
  readonly flags: string;
}

export const GO_SUITES: readonly GoSuite[] = [
  {
    name: 'google/nftables',
    module: 'github.com/google/nftables',
    version: 'v0.3.0',
    sum: 'h1:bkyZ0cbpVeMHXOrtlFc8ISmfVqq5gPJukoYieyVmITg=',
    folder: '.',
    flags: '-run_system_tests',
  },
  {
    name: 'linuxfw',
    module: 'tailscale.com',
    version: 'v1.98.2',
    sum: 'h1:HP5gt0qyLKtJoDV7PMUvPpiXjMFk4nzXMbm7JdjttMY=',
    folder: 'util/linuxfw',
    flags: '',
  },
  {
    name: 'netlink',
    module: 'github.com/vishvananda/netlink',
    version: 'v1.3.1',
    sum: 'h1:3AEMt62VKqz90r0tmNhog0r/PpWKmrEShJU0wJW6bV0=',
    folder: '.',
    flags: '',
  },
];

/** Modules that netlink's tests look for, and skip without, by the option that builds them in. */
export const MODULES: Readonly<Record<string, string>> = {
  nf_conntrack: 'NF_CONNTRACK',
  nf_conntrack_netlink: 'NF_CT_NETLINK',
  ip_gre: 'NET_IPGRE',
  fou: 'NET_FOU',
  sch_hfsc: 'NET_SCH_HFSC',
  sch_sfq: 'NET_SCH_SFQ',
};

/** The kernel's own, of tools/testing/selftests/net. Left out: what measures speed, and what needs a program that Debian has not. */
const SELFTESTS =
  /^(fib_rule_tests|fib_tests|netfilter\/nft_(?!audit|concat_range_perf|zones_many|concat_range)\w+)\.sh$/;
/** C programs that the scripts call, by the file that each is made from; those that need a library are left out. */
const HELPERS = ['nettest.c', 'netfilter/connect_close.c'];

const downloaded = z.object({ Dir: z.string(), Sum: z.string() });

/** The program of a suite, in the folder `go`. */
export const fileOf = (suite: string): string => suite.replace('/', '-');

/** Puts all that runs in the guest into a folder: `go/NAME` and `net/...`. `cache` keeps Go's modules, `tree` is the kernel's source. */
export async function buildSuites(folder: string, tree: string, cache: string): Promise<void> {
  const env = { GOMODCACHE: join(cache, 'go-modules'), CGO_ENABLED: '0', GOFLAGS: '-trimpath -modcacherw' };
  for (const { name, module, version, sum, folder: within } of GO_SUITES) {
    const { stdout } = await time(['go', 'mod', 'download', '-json', `${module}@${version}`], env);
    const got = downloaded.parse(JSON.parse(stdout));
    if (got.Sum !== sum) throw new Error(`${module} ${version} is not what it was: ${got.Sum}, and not ${sum}.`);
    const output = join(folder, 'go', fileOf(name));
    const source = join(folder, '..', `source-${fileOf(name)}`);
    await cp(got.Dir, source, { recursive: true });
    await readOwnModules(join(source, within));
    await time(['go', 'test', '-c', '-o', output, `./${within}`], env, source);
    const data = join(source, within, 'testdata');
    await cp(data, join(folder, 'go/testdata'), { recursive: true }).catch(() => undefined);
  }
  const selftests = join(tree, 'tools/testing/selftests');
  await cp(join(selftests, 'net'), join(folder, 'net'), { recursive: true });
  for (const file of HELPERS) {
    const source = join(folder, 'net', file);
    await time(['gcc', '-static', '-O1', '-I', join(selftests), '-o', source.replace(/\.c$/, ''), source]);
  }
}

/** Its tests read the list of modules beside them, and not /proc/modules. */
async function readOwnModules(source: string): Promise<void> {
  for (const name of (await readdir(source)).filter((each) => each.endsWith('_test.go'))) {
    const text = await readFile(join(source, name), 'utf8');
    if (text.includes('"/proc/modules"')) {
      await writeFile(join(source, name), text.replaceAll('"/proc/modules"', '"modules"'));
    }
  }
}

/** Names of the scripts to run, relative to `net`. */
export async function selftestScripts(tree: string): Promise<readonly string[]> {
  const net = join(tree, 'tools/testing/selftests/net');
  const names = [
    ...(await readdir(net)),
    ...(await readdir(join(net, 'netfilter'))).map((name) => `netfilter/${name}`),
  ];
  return names.filter((name) => SELFTESTS.test(name)).sort();
}
