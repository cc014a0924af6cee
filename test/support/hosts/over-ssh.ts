import type { ChildProcess } from 'node:child_process';
import { poll } from '../../../src/core/deadline.ts';

/** A machine that answers at a port of its host. */
export function helloSaying(text: string, port: number): string {
  return `memory: 256MiB
data: 64MiB
services:
  - name: hello
    files: [{ path: /srv/hello/index.html, content: "${text}\\n" }]
    run: exec /run/vmkit/busybox httpd -f -p 8000 -h /srv/hello
    ready: { http: http://127.0.0.1:8000/ }
    ports: [{ name: web, port: 8000, protocol: http, host: ${port} }]
`;
}

/** What `--json` prints of an error. */
export function errorOf({ stderr }: { readonly stderr: string }): unknown {
  return JSON.parse(stderr.trim().split('\n').at(-1) ?? '').error;
}

/** Waits until a process has printed what fits. */
export async function says(child: ChildProcess, what: RegExp): Promise<RegExpExecArray> {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (text += chunk));
  const found = await poll(() => what.exec(text) ?? undefined, { withinMs: 120_000 });
  if (found === undefined) throw new Error(`It did not say ${what}, but: ${text}`);
  return found;
}
