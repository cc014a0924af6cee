import type { Host } from './host.ts';

/** Whether the host's user may read and write a file or a device (access(2)). */
export async function mayUse(path: string, host: Host): Promise<boolean> {
  const { exitCode } = await host.exec(['sh', '-c', '[ -r "$1" ] && [ -w "$1" ]', 'sh', path], { withinMs: 30_000 });
  return exitCode === 0;
}
