import { AVF_RELEASES, type AvfRelease } from '../vmm-facts.ts';

export function isAtLeast(release: AvfRelease, least: AvfRelease): boolean {
  return AVF_RELEASES.indexOf(release) >= AVF_RELEASES.indexOf(least);
}

/**
 * By `ro.build.version.release`, which does not tell quarterly releases apart: the first of that year, whose keys and flags the later ones take as well. A release that is not known yet
 * is taken for the newest. Undefined before 13, which has no AVF.
 */
export function releaseOf(version: string): AvfRelease | undefined {
  const number = Number.parseInt(version, 10);
  if (!(number >= 13)) return undefined;
  return AVF_RELEASES.find((each) => each === String(number)) ?? AVF_RELEASES.at(-1);
}
