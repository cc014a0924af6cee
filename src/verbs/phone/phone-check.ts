import { type Arch, archOf } from '../../core/arch.ts';
import { checkPhone } from '../../host/android/check/check-phone.ts';
import type { OwnNetwork } from '../../host/android/check/network-rows.ts';
import type { PhoneReport, PhoneRow } from '../../host/android/check/phone-row.ts';
import { askCrosvm } from '../../machine/phone/ask-crosvm.ts';
import { findCrosvm } from '../../machine/phone/find-crosvm.ts';
import { tryBoot } from '../../machine/phone/trial-boot.ts';
import { placeFile } from '../build/place-files.ts';
import { builtKernel } from '../build/plan-artifacts.ts';
import type { VerbContext } from '../step.ts';

interface CheckOptions {
  /** Paths of a crosvm of one's own there. */
  readonly builds: readonly string[];
  /** Whether a kernel is started, with one, two and all processors. */
  readonly isTried: boolean;
}

/** What a phone can do, each line with its evidence, and the way that machines will take there. Changes nothing. */
export async function reportOnPhone(
  network: OwnNetwork,
  { builds, isTried }: CheckOptions,
  context: VerbContext,
): Promise<PhoneReport> {
  const { machine, cpus } = await context.host.facts();
  const arch = archOf(machine) ?? 'arm64';
  const report = await checkPhone(network, (program) => askCrosvm(program, arch, context), builds, context);
  const rows = isTried
    ? await trialRows(arch, cpus, context)
    : [untried('vmkit host check --trial starts a kernel there')];
  return { ...report, rows: [...report.rows, ...rows] };
}

/** From few to many: some phones reset with all. */
async function trialRows(arch: Arch, all: number, context: VerbContext): Promise<readonly PhoneRow[]> {
  const found = await findCrosvm(arch, context);
  if ('lacks' in found) return [untried(`there is no ${found.lacks}`)];
  const built = await builtKernel(arch, context);
  if (built === undefined)
    return [untried(`no kernel for ${arch} is built here: vmkit build-image of a machine does that`)];
  const kernel = await placeFile(built, context);
  const rows: PhoneRow[] = [];
  for (const cpus of [...new Set([1, 2, all])].filter((each) => each <= all)) {
    rows.push(await tryBoot(found, kernel, { arch, cpus }, context));
  }
  return rows;
}

function untried(evidence: string): PhoneRow {
  return { what: 'boots', answer: 'cannot tell', says: 'no machine was started for this report', evidence };
}
