/** What `vm run` of each release takes (packages/modules/Virtualization: libs/vmconfig/src/lib.rs, vm/src/main.rs, vm/src/run.rs), the oldest first. */
export const AVF_RELEASES = ['13', '14', '14 QPR2', '15', '15 QPR1', '15 QPR2', '16', '17'] as const;
export type AvfRelease = (typeof AVF_RELEASES)[number];

export function isAtLeast(release: AvfRelease, least: AvfRelease): boolean {
  return AVF_RELEASES.indexOf(release) >= AVF_RELEASES.indexOf(least);
}
