import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/net/tcp.ts';
import { helloSaying } from '../../test/support/hosts/over-ssh.ts';
import { MACHINE_PROGRAMS, startSshd } from '../../test/support/hosts/sshd.ts';
import { withOwnMachines } from '../machine.ts';
import { type Measure, median, medianOfPairs, type Row, seconds, time, vmkit } from '../measure.ts';
import { row } from '../rows.ts';

const RUNS = 3;

/** The same machine on this computer and by ssh on it, in turn. For root: the server has a user of its own. */
export const overSsh: Measure = {
  name: 'ssh',
  run: () =>
    withOwnMachines(async (env) => {
      const sshd = await startSshd('coreutils', [], MACHINE_PROGRAMS);
      const folder = await mkdtemp(join(tmpdir(), 'vmkit-bench-vm-'));
      try {
        const define = async (name: string, text: string): Promise<string> => {
          await mkdir(join(folder, name), { recursive: true });
          await writeFile(join(folder, name, 'vm.yaml'), `name: ${name}\n${text}`);
          return join(folder, name);
        };
        // Both without a gate: the server has no Node.
        const text = (says: string, port: number): string =>
          `${helloSaying(says, port)}network: { kind: user, world: none }\n`;
        const [here, there] = [await freePort(), await freePort()];
        const local = await define('here', text('Hello!', here));
        const remote = await define('there', text('Hello!', there));
        const ssh = { ...env, PATH: `${sshd.bin}:${process.env['PATH']}`, XDG_RUNTIME_DIR: sshd.folder };
        const on = async (...args: string[]): Promise<number> =>
          (await vmkit([...args, '--host', sshd.url()], ssh)).seconds;
        const at = async (...args: string[]): Promise<number> => (await vmkit(args, env)).seconds;
        await at('boot', local);
        await on('boot', remote);
        const noop = await medianOfPairs(
          RUNS,
          () => on('boot', remote),
          () => at('boot', local),
        );
        const status = await medianOfPairs(
          RUNS,
          () => on('status', 'there'),
          () => at('status', 'here'),
        );
        const restart = async (verb: typeof at, name: string, definition: string): Promise<number> => {
          await verb('stop', name);
          return verb('boot', definition);
        };
        const warm = await medianOfPairs(
          RUNS,
          () => restart(on, 'there', remote),
          () => restart(at, 'here', local),
        );
        await at('stop', 'here');
        await on('stop', 'there');
        const push = await median(RUNS, () => pushOfInitramfs(sshd, folder, ssh));
        return rows(noop, status, warm, push);
      } finally {
        await rm(folder, { recursive: true, force: true });
        await sshd.stop();
      }
    }),
};

type Pair = Awaited<ReturnType<typeof medianOfPairs>>;

function rows(noop: Pair, status: Pair, warm: Pair, push: number): readonly Row[] {
  const how = ({ theirs }: Pair): string =>
    `${seconds(theirs)} on this computer; whole process, median of ${RUNS} pairs`;
  return [
    row('boot of a machine that runs, by ssh', noop.ours, 1, seconds, how(noop)),
    row('status, by ssh', status.ours, 1, seconds, how(status)),
    row('warm boot by ssh', warm.ours, 1.1 * warm.theirs + 1, seconds, how(warm)),
    row(
      'push of a changed initramfs',
      push,
      1,
      seconds,
      `Host.push in a process of its own, login included; median of ${RUNS}`,
    ),
  ];
}

let changes = 0;

/** 2 MB that were never sent, as an initramfs is. */
async function pushOfInitramfs(
  sshd: Awaited<ReturnType<typeof startSshd>>,
  folder: string,
  env: Record<string, string>,
): Promise<number> {
  changes += 1;
  const file = join(folder, `initramfs-${changes}`);
  await writeFile(file, Buffer.alloc(2_100_000, `${changes} of ${process.pid}`));
  const script = `import { hostFrom } from '${new URL('../../src/host/host-from.ts', import.meta.url).pathname}';
    await hostFrom('${sshd.url()}').push('${file}', '${sshd.home}/pushed/${changes}');
    process.exit(0);`;
  return (await time([process.execPath, '--import', 'tsx', '--input-type=module', '-e', script], env)).seconds;
}
