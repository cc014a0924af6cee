import { join } from 'node:path';
import * as z from 'zod';
import { type Arch, archOf } from '../../../core/arch.ts';
import { sha256 } from '../../../core/digest.ts';
import { safeJson } from '../../../core/text/json.ts';
import type { Context } from '../../../host/context.ts';
import type { Host } from '../../../host/host.ts';
import { mayUse } from '../../../host/may-use.ts';
import type { Accelerator, Trial } from '../vmm.ts';
import { ACCELERATORS, type AcceleratorName } from '../vmm-facts.ts';
import { runTrial } from './trial.ts';

const verdictSchema = z.object({
  name: z.enum(ACCELERATORS),
  reason: z.string(),
  /** Milliseconds since 1970. */
  validUntil: z.number().optional(),
});

/** A KVM that once failed may have been busy, or was mended. */
const RETRY_AFTER_MS = 3_600_000;

/**
 * Decides by running: a /dev/kvm that opens may still abort QEMU or hang the guest. The guest is our own kernel and initramfs without
 * any disk; it passes when stage 1 says its first event. Takes seconds once per boot of the host and version; then it is read from the cache.
 * That KVM fails is believed for an hour, and only where the same guest starts without it: else something other was wrong.
 */
export async function decideAccelerator(trial: Trial, context: Context): Promise<Accelerator> {
  const known = await knownAccelerator(trial, context);
  if (known !== undefined) return known;
  context.report({ kind: 'phase', text: 'tries whether KVM runs a guest' });
  const tried = async (name: AcceleratorName): ReturnType<typeof runTrial> =>
    runTrial({ ...trial.machine, accelerator: name }, trial.user, context);
  const outcome = await tried('kvm');
  const verdict = outcome.passed ? { name: 'kvm' as const, reason: 'KVM' } : software(outcome.reason);
  if (outcome.passed) await keepVerdict(verdict, trial, context);
  else if ((await tried('tcg')).passed) {
    await keepVerdict({ ...verdict, validUntil: Date.now() + RETRY_AFTER_MS }, trial, context);
  }
  return verdict;
}

/** The verdict where no trial is needed, or one was made since the host was booted. */
export async function knownAccelerator(trial: Trial, context: Context): Promise<Accelerator | undefined> {
  const { machine } = await context.host.facts();
  const device = trial.user === undefined ? await openKvm(context.host) : await openKvmByGroup(context.host);
  const excluded = withoutTrial(trial.machine.arch, machine, device);
  if (excluded !== undefined) return software(excluded);
  return parseVerdict((await context.host.readOurs(await verdictFile(trial, context))) ?? '', Date.now());
}

/** A verdict that was kept and still counts. */
export function parseVerdict(text: string, now: number): Accelerator | undefined {
  const { data } = verdictSchema.safeParse(safeJson(text));
  if (data === undefined) return undefined;
  const { validUntil, ...verdict } = data;
  // What an earlier vmkit kept for ever has no end.
  if (verdict.name === 'tcg' && (validUntil === undefined || validUntil <= now)) return undefined;
  return verdict;
}

async function keepVerdict(verdict: z.infer<typeof verdictSchema>, trial: Trial, context: Context): Promise<void> {
  await context.host.write(await verdictFile(trial, context), `${JSON.stringify(verdict)}\n`);
}

async function verdictFile({ machine: { arch }, version }: Trial, context: Context): Promise<string> {
  const key = sha256([(await context.host.place()).bootId, arch, version].join('\n')).slice(0, 16);
  return join(context.paths.cache, 'accelerator', `${key}.json`);
}

type KvmDevice = 'opens' | 'absent' | 'no-permission';

/** Why KVM is out of the question, in words; undefined when a trial must tell. */
export function withoutTrial(arch: Arch, hostMachine: string, device: KvmDevice): string | undefined {
  if (archOf(hostMachine) !== arch) return `an ${arch} guest on an ${hostMachine} host`;
  if (device === 'absent') return 'there is no /dev/kvm';
  if (device === 'no-permission') return 'no permission on /dev/kvm (group kvm)';
  return undefined;
}

async function openKvm(host: Host): Promise<KvmDevice> {
  if ((await host.stat('/dev/kvm')) === undefined) return 'absent';
  return (await mayUse('/dev/kvm', host)) ? 'opens' : 'no-permission';
}

/** For a user who is in the device's group only. */
async function openKvmByGroup(host: Host): Promise<KvmDevice> {
  const device = await host.stat('/dev/kvm');
  if (device === undefined) return 'absent';
  const isOpenToAll = (device.mode & 0o006) === 0o006;
  const isOpenToGroup = device.gid !== 0 && (device.mode & 0o060) === 0o060;
  return isOpenToAll || isOpenToGroup ? 'opens' : 'no-permission';
}

function software(reason: string): Accelerator {
  return { name: 'tcg', reason: `${reason}: software emulation` };
}
