import { VmkitError } from '../../../core/errors/errors.ts';
import { kernelRelease } from '../../../guest/kernel-release.ts';
import type { GuestHost } from '../../../guest/ssh/guest-host.ts';
import { LONGEST_CONFIG } from '../../../kernel/check/ikconfig.ts';
import { judgeConfig, type KernelJudgement, purposeNames, type Verdict } from '../../../kernel/check/judge.ts';
import { LONGEST_KERNEL, readKernelConfig } from '../../../kernel/check/kernel-image.ts';
import { requireWhole } from '../../../kernel/check/whole.ts';
import { withGuest } from '../../../machine/guest.ts';
import { checkLive, type LiveCheck } from '../../../verbs/check-live.ts';
import { machineName } from '../../../verbs/machine-name.ts';
import type { VerbContext } from '../../../verbs/step.ts';
import { defineCommand } from '../../parse/command.ts';
import { table } from '../../show/table.ts';

type Result = CheckResult | LiveCheck;

interface CheckResult extends KernelJudgement {
  readonly target: string;
}

export const command = defineCommand({
  usage: 'check-kernel <target>',
  options: (yargs) =>
    yargs
      .positional('target', {
        type: 'string',
        demandOption: true,
        describe: 'A .config, a kernel image, or the name of a running machine',
      })
      .option('profile', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: `What the kernel is to be used for; all of these when absent: ${purposeNames([]).join(', ')}`,
      })
      .option('live', {
        type: 'boolean',
        default: false,
        describe: 'Try in the running machine what its kernel promises, and say what does not work',
      }),
  run: async ({ target, profile, live }, context): Promise<Result> => {
    const profiles = purposeNames(profile);
    if (live) return checkLive(target, profile, context);
    const content = (await readTarget(target, context)) ?? (await readRunning(target, context));
    const config = await readKernelConfig(target, content, context);
    requireWhole(target, config);
    return { target, ...judgeConfig(config, profiles) };
  },
  text: (result) => ('tried' in result ? liveText(result) : checkText(result)),
  exitCode: (result) => (isGood(result) ? 0 : 4),
});

/** What could not be tried is no failure. */
function isGood(result: Result): boolean {
  return 'tried' in result
    ? result.tried.every(({ state }) => state !== 'fails')
    : result.verdicts.every(({ isSatisfied }) => isSatisfied);
}

async function readTarget(path: string, context: VerbContext): Promise<Uint8Array | undefined> {
  try {
    const content = await context.builder.host.read(path, LONGEST_KERNEL);
    if (content !== undefined || !path.includes('/')) return content;
    throw new VmkitError('usage', 'kernel-missing', `There is no file ${path}.`, {
      hint: 'check-kernel takes a .config, a kernel image, or the name of a running machine.',
    });
  } catch (error) {
    // A folder of the same name as a machine.
    if (error instanceof VmkitError && error.code === 'not-a-file' && !path.includes('/')) return undefined;
    throw error;
  }
}

async function readRunning(target: string, context: VerbContext): Promise<Uint8Array> {
  const content = await withGuest(await machineName(target, context), context, readConfig);
  if (content !== undefined) return content;
  throw new VmkitError(
    'build',
    'kernel-config-missing',
    `The kernel of ${target} has no /proc/config.gz, and no file in /boot.`,
    {
      hint: 'It was built without IKCONFIG_PROC. Check the file that it was built with.',
    },
  );
}

/** What the kernel says itself; else the file that came with it. */
async function readConfig(guest: GuestHost): Promise<Uint8Array | undefined> {
  const own = await guest.read('/proc/config.gz', LONGEST_CONFIG);
  if (own !== undefined) return own;
  return guest.read(`/boot/config-${await kernelRelease(guest)}`, LONGEST_CONFIG);
}

const STATES = { works: 'works', fails: 'fails', unknown: 'cannot tell' } as const;

function liveText({ target, release, tried }: LiveCheck): string {
  const rows = tried.map(({ name, title, state, words }) => [
    STATES[state],
    name,
    words === '' ? title : `${title}: ${words}`,
  ]);
  return `${target}: linux ${release}, tried in the machine\n${table(rows)}`;
}

function checkText({ target, version, arch, verdicts }: CheckResult): string {
  const title = `${target}: linux ${version ?? 'of unknown version'} for ${arch ?? 'another processor'}`;
  return [title, ...verdicts.flatMap(verdictLines)].join('\n');
}

function verdictLines({ profile, title, source, isSatisfied, missing }: Verdict): readonly string[] {
  const head = `${isSatisfied ? 'ok     ' : 'lacking'} ${profile.padEnd(19)} ${title}`;
  const lines = missing.map(({ anyOf, reason }) => `          ${anyOf.join(' or ')}: ${reason}`);
  return isSatisfied ? [head] : [head, ...lines, `          (by ${source})`];
}
