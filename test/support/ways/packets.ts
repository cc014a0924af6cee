import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { packageRoot } from '../../../src/core/package-root.ts';

const RECORDER = join(packageRoot(), 'test', 'support', 'ways', 'packets.pl');

/** Each kind of packet that a namespace receives while something happens (packets.pl), once, in order of text: how often a kernel acknowledges is its own affair. */
export async function packetsDuring(
  within: { readonly namespace: string },
  happens: () => Promise<unknown>,
): Promise<readonly string[]> {
  const child = spawn('ip', ['netns', 'exec', within.namespace, 'perl', RECORDER], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  const closed = once(reader, 'close');
  reader.on('line', (line) => lines.push(line));
  await once(reader, 'line', { signal: AbortSignal.timeout(20_000) });
  await happens();
  child.kill('SIGTERM');
  await closed;
  return [...new Set(lines.slice(1))].sort();
}
