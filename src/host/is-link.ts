import type { Host } from './host.ts';

/** Whether a symbolic link is there, wherever it leads; false where nothing is. */
export async function isLink(path: string, host: Pick<Host, 'exec'>): Promise<boolean> {
  const { exitCode } = await host.exec(['sh', '-c', '[ -h "$1" ]', 'sh', path], { withinMs: 30_000 });
  return exitCode === 0;
}
