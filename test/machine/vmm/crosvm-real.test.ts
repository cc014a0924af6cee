import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { type CrosvmPlace, KERNEL_PARAMETERS } from '../../../src/machine/vmm/crosvm/argv.ts';
import { askArgv, findDialect, judgeAnswer } from '../../../src/machine/vmm/crosvm/ask.ts';
import { dialectOf } from '../../../src/machine/vmm/crosvm/dialect.ts';
import { crosvmStandIn } from '../../support/stand-ins/crosvm-stand-in.ts';
import { plan } from '../plan.ts';

const program = process.env['VMKIT_CROSVM'] ?? '';
const machine = {
  ...plan,
  network: { kind: 'bridge' as const, address: '192.168.100.2' },
  commandLine: KERNEL_PARAMETERS,
};
const place: CrosvmPlace = {
  program,
  fileOf: () => '/dev/null',
  socket: '/nonexistent/vmkit.sock',
  input: '/dev/null',
  tap: 'vmkit-none',
  cid: 3,
  hypervisor: 'kvm',
};

/** The real crosvm, of this computer's architecture: it reads its command line before it touches anything, so nothing is needed for it. */
test.skipIf(program === '')(
  'the real crosvm takes the newest command line, and refuses what the stand-in refuses',
  async () => {
    const run = ([file = '', ...args]: readonly string[]): ReturnType<typeof crosvmStandIn> => {
      const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', timeout: 30_000 });
      return { exitCode: status ?? -1, stdout, stderr };
    };
    expect(await findDialect(async (each) => run(askArgv(machine, place, each)))).toEqual({ dialect: 'named' });
    const whole = askArgv(machine, place, dialectOf('named'));
    for (const words of [
      ['--memory', '4'],
      ['--block', 'path=x,readonly'],
      ['--block', `path=x,id=${'i'.repeat(21)}`],
      ['--net', 'tap-name=t,mac=5'],
      ['--serial', 'type=fil'],
      ['-s', 'b'],
      ['-m', 'size=1G'],
    ]) {
      const wrong = [...whole.slice(0, 3), ...words, ...whole.slice(3)];
      for (const ended of [run(wrong), crosvmStandIn('17', wrong)]) {
        expect({ words, exitCode: ended.exitCode }).toEqual({ words, exitCode: 35 });
        expect(judgeAnswer(ended).takes).toBe(false);
      }
    }
  },
);
