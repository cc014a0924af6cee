import type { HostReport } from '../../verbs/host/host-network.ts';

/** What was done to this computer, or would be, with its commands. */
export function changesText({ isDryRun, changes, notes }: HostReport): string {
  const said = notes.map((note) => `# ${note}`);
  if (changes.length === 0) return [...said, 'Nothing to do.'].join('\n');
  if (isDryRun) return [...said, ...changes.flatMap(({ title, commands }) => [`# ${title}`, ...commands])].join('\n');
  return [...changes.map(({ title }) => title), ...said].join('\n');
}
