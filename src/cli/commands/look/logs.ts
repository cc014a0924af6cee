import { setTimeout as sleep } from 'node:timers/promises';
import { VmkitError } from '../../../core/errors/errors.ts';
import { GUEST } from '../../../core/guest-paths.ts';
import { machinePaths } from '../../../core/paths.ts';
import { runSession } from '../../../guest/ssh/session.ts';
import type { Context } from '../../../host/context.ts';
import { guestAddress } from '../../../machine/guest.ts';
import { runningMachine } from '../../../machine/state/running.ts';
import { machineName } from '../../../verbs/machine-name.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE } from '../../parse/positionals.ts';
import { print } from '../../show/say.ts';

export const command = defineCommand({
  usage: 'logs <vm> [service]',
  options: (yargs) =>
    yargs
      .positional('vm', MACHINE)
      .positional('service', {
        type: 'string',
        describe: 'A service of the machine. Default: the console of the machine',
      })
      .option('follow', { alias: 'f', type: 'boolean', default: false, describe: 'Go on printing until Ctrl-C' }),
  run: async ({ vm, service, follow }, context) => {
    const name = await machineName(vm, context);
    if (service === undefined) return { exitCode: await printConsole(name, follow, context) };
    const state = await runningMachine(name, context);
    if (state !== undefined && !state.services.includes(service)) {
      throw new VmkitError('usage', 'unknown-service', `The machine ${name} has no service ${service}.`, {
        hint: `It has ${state.services.join(', ')}.`,
      });
    }
    const address = await guestAddress(name, context);
    return { exitCode: await runSession(address, logCommand(service, follow), context.signal, printLine) };
  },
  text: () => '',
  exitCode: ({ exitCode }) => exitCode,
});

/** Rotated files first, then the current one (s6-log(8)); a service that has not said anything yet has none. */
function logCommand(service: string, follow: boolean): string[] {
  const last = follow ? 'exec tail -n +1 -F current' : 'cat current';
  return [
    'sh',
    '-c',
    `cd "$1" && for old in @*.s; do [ ! -f "$old" ] || cat "$old"; done && ${last}`,
    'sh',
    `${GUEST.logs}/${service}`,
  ];
}

/** Whole, however long it is, but harmless for a terminal. */
function printLine(line: string): void {
  print(`${line}\n`, Number.POSITIVE_INFINITY);
}

async function printConsole(name: string, follow: boolean, context: Context): Promise<number> {
  const log = context.host.log(machinePaths(context.paths, name).consoleLog);
  try {
    for (;;) {
      const isOver = !follow || (await runningMachine(name, context)) === undefined;
      for await (const line of log.lines()) printLine(line);
      if (isOver || context.signal.aborted) return 0;
      await sleep(200, undefined, { signal: context.signal }).catch(() => undefined);
    }
  } finally {
    await log.close();
  }
}
