import type { Arch } from '../../core/arch.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { nearest } from '../../core/text/nearest.ts';
import { type Config, readConfig } from '../kconfig/config-text.ts';
import { findDead, isPartner, partnersText } from './find-dead.ts';
import { MODULE_NAMES } from './module-names.ts';
import { KERNEL_PURPOSES, type KernelPurpose, type Requirement } from './requirements.ts';

/** What a kernel lacks for a purpose. */
export interface MissingSymbol {
  /** Any of these, as y or m, would do. */
  readonly anyOf: readonly string[];
  readonly reason: string;
}

/** Whether a kernel serves a purpose. */
export interface Verdict {
  readonly profile: string;
  readonly title: string;
  /** Where the requirements were read. */
  readonly source: string;
  readonly isSatisfied: boolean;
  readonly missing: readonly MissingSymbol[];
}

export interface KernelJudgement {
  /** As the first lines of the configuration say it: `6.12.48`. */
  readonly version: string | undefined;
  /** Undefined for processors that vmkit does not know. */
  readonly arch: Arch | undefined;
  readonly verdicts: readonly Verdict[];
}

const PURPOSES: ReadonlyMap<string, KernelPurpose> = new Map(Object.entries(KERNEL_PURPOSES));

/** The profiles of check-kernel, or those that are asked for by name. Throws `unknown-profile`. */
export function purposeNames(asked: readonly string[]): readonly string[] {
  const known = [...PURPOSES.keys()];
  const unknown = asked.find((name) => !PURPOSES.has(name));
  if (unknown === undefined) return asked.length === 0 ? known : [...new Set(asked)];
  const meant = nearest(unknown, known);
  throw new VmkitError('usage', 'unknown-profile', `check-kernel has no profile ${unknown}.`, {
    hint: meant === undefined ? `There are: ${known.join(', ')}.` : `Did you mean ${meant}?`,
  });
}

/**
 * Which of these profiles a .config satisfies. A foreign kernel may have modules: m is as good as y, where the module is one of `modules`. Undefined: nobody
 * knows which modules are there, and the .config is believed.
 */
export function judgeConfig(text: string, profiles: readonly string[], modules?: ReadonlySet<string>): KernelJudgement {
  const config = readConfig(text);
  const arch = archOf(config);
  return {
    version: /^# Linux\/\S+ (\S+) /m.exec(text)?.[1],
    arch,
    verdicts: profiles.flatMap((profile) => {
      const purpose = PURPOSES.get(profile);
      return purpose === undefined ? [] : [judge(profile, purpose, { config, arch, modules })];
    }),
  };
}

interface Kernel {
  readonly config: Config;
  readonly arch: Arch | undefined;
  readonly modules: ReadonlySet<string> | undefined;
}

function judge(profile: string, purpose: KernelPurpose, kernel: Kernel): Verdict {
  const { title, source, requirements } = purpose;
  const lacking = requirements
    .filter((requirement) => applies(requirement, kernel) && !requirement.anyOf.some((symbol) => isOn(symbol, kernel)))
    .map(({ anyOf, reason }) => ({ anyOf, reason }));
  const missing = [...lacking, ...lackingPartners(purpose, kernel, lacking)];
  return { profile, title, source, isSatisfied: missing.length === 0, missing };
}

/** An option that is on and does nothing is as good as off. Not told where its partner is missed anyway. */
function lackingPartners(
  { requirements, everyOption }: KernelPurpose,
  kernel: Kernel,
  lacking: readonly MissingSymbol[],
): readonly MissingSymbol[] {
  const needed = new Set(requirements.filter((each) => applies(each, kernel)).flatMap(({ anyOf }) => anyOf));
  const told = lacking.flatMap(({ anyOf }) => anyOf);
  return findDead(kernel.config)
    .filter((dead) => everyOption || (needed.has(dead.symbol) && !told.some((symbol) => isPartner(symbol, dead))))
    .map(({ symbol, anyOf, reason, source }) => ({
      anyOf: [partnersText({ anyOf })],
      reason: `${symbol} is on, but without it ${reason} (${source})`,
    }));
}

function applies({ anyOf, arch, onlyIfKnown }: Requirement, { config, arch: actual }: Kernel): boolean {
  if (arch !== undefined && arch !== actual) return false;
  return onlyIfKnown !== true || anyOf.some((symbol) => config.has(symbol));
}

function isOn(symbol: string, { config, modules }: Kernel): boolean {
  const value = config.get(symbol);
  if (value !== 'm') return value === 'y';
  return config.get('MODULES') === 'y' && (modules?.has(MODULE_NAMES[symbol] ?? '') ?? true);
}

function archOf(config: Config): Arch | undefined {
  if (config.get('X86_64') === 'y') return 'x86_64';
  return config.get('ARM64') === 'y' ? 'arm64' : undefined;
}
