import type { ProbeReport } from '../reach/report.ts';
import { targetOf } from '../reach/target.ts';
import { VIAS, type Via } from '../reach/vias.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import * as verbs from '../verbs/reach/expose.ts';
import { probe as look } from '../verbs/reach/probe.ts';
import { peerKind } from '../verbs/reach/probe-peer.ts';
import type { VerbContext } from '../verbs/step.ts';
import { definitionOf } from './machines.ts';
import type { Exposed, TakenBack } from './results.ts';

export interface ServiceOptions {
  /** A service of the machine. Default: the first one that speaks HTTP. */
  readonly service?: string | undefined;
}

export interface ProbeOptions extends ServiceOptions {
  /** Where to look from, as `vmkit probe --from`. Default: `node` where TS_AUTHKEY is set, else `none`. */
  readonly from?: 'node' | 'host' | 'none' | `ssh://${string}` | undefined;
}

export interface ExposeOptions extends ServiceOptions {
  /** Which way. Default: the first that works. */
  readonly via?: Via | undefined;
}

/** Tries every way into a machine that runs, and says what is broken and why. Throws `machine-off`, `no-port`. */
export async function probe(
  vm: string | VmSpec,
  context: VerbContext,
  { service, from }: ProbeOptions = {},
): Promise<ProbeReport> {
  const spec = await definitionOf(vm, context);
  return look(spec, targetOf(spec, service), peerKind(from), context);
}

/** Sets up the best way in, tries it, and says its address. Throws `not-exposed`, with what is in the way of each. */
export async function expose(
  vm: string | VmSpec,
  context: VerbContext,
  { service, via }: ExposeOptions = {},
): Promise<Exposed> {
  const spec = await definitionOf(vm, context);
  return verbs.expose(spec, targetOf(spec, service), via === undefined ? VIAS : [via], context);
}

/** Takes back what `expose` did: what was taken back, in words, and what the next boot takes back where the machine is off. */
export async function unexpose(
  vm: string | VmSpec,
  context: VerbContext,
  { service }: ServiceOptions = {},
): Promise<TakenBack> {
  const spec = await definitionOf(vm, context);
  return verbs.unexpose(spec, targetOf(spec, service), context);
}
