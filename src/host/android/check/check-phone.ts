import type { Context } from '../../context.ts';
import { networkRows, type OwnNetwork } from './network-rows.ts';
import type { CrosvmAnswer, PhoneReport, PhoneRow } from './phone-row.ts';
import { ASK, askArguments, parseReplies, type Replies } from './questions.ts';
import { stateRows } from './state-rows.ts';
import { systemRows } from './system-rows.ts';
import { wayOf } from './way.ts';

/** Asks a build of crosvm whether it takes a machine's command line; nothing is touched by that. */
export type AskCrosvm = (program: string) => Promise<CrosvmAnswer>;

/** What a phone can do, and the way that machines will take. Changes nothing. `builds`: of crosvm, beside those of the phone's own apex. */
export async function checkPhone(
  network: OwnNetwork,
  ask: AskCrosvm,
  builds: readonly string[],
  { host, signal }: Context,
): Promise<PhoneReport> {
  const { stdout } = await host.exec(['sh', '-c', ASK, 'sh', ...askArguments()], { signal, withinMs: 300_000 });
  const replies = parseReplies(stdout);
  const answers: CrosvmAnswer[] = [];
  for (const program of [...builds, ...ownBuilds(replies)]) answers.push(await ask(program));
  return reportOf(replies, network, answers);
}

/** The same of answers that were given. */
export function reportOf(replies: Replies, network: OwnNetwork, builds: readonly CrosvmAnswer[]): PhoneReport {
  return {
    rows: [
      ...systemRows(replies),
      ...crosvmRows(replies, builds),
      ...networkRows(replies, network),
      ...stateRows(replies),
    ],
    way: wayOf(replies, builds),
  };
}

function ownBuilds(replies: Replies): readonly string[] {
  return replies('crosvm')
    .text.split('\n')
    .filter((line) => /^\/apex\/\S+\/crosvm\w*$/.test(line));
}

function crosvmRows(replies: Replies, builds: readonly CrosvmAnswer[]): readonly PhoneRow[] {
  if (builds.length === 0) {
    const evidence = `ls /apex/com.android.virt/bin: ${replies('crosvm').text.split('\n')[0]}`;
    return [{ what: 'crosvm', answer: 'no', says: 'none on this phone', evidence }];
  }
  return builds.map(({ program, takes, says }) => ({
    what: 'crosvm',
    answer: takes === undefined ? 'cannot tell' : takes ? 'yes' : 'no',
    says: `${program} ${takes === undefined ? 'cannot be asked' : takes ? 'takes a machine with disks, a network card and vsock' : 'does not take a machine'}`,
    evidence: says,
  }));
}
