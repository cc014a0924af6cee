import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { poll } from '../../../src/core/deadline.ts';
import { freePort } from '../../../src/net/tcp.ts';

/** Debian's docker-registry on loopback, with its blobs in `folder`. `end` ends it. */
export async function startRegistry(folder: string): Promise<{ readonly host: string; readonly end: () => void }> {
  await mkdir(folder, { recursive: true });
  const host = `127.0.0.1:${await freePort()}`;
  const config = join(folder, 'config.yml');
  await writeFile(
    config,
    `version: 0.1\nlog: { level: error }\nstorage: { filesystem: { rootdirectory: ${folder} } }\nhttp: { addr: "${host}" }\n`,
  );
  const server = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  const answers = async (): Promise<true | undefined> =>
    (await fetch(`http://${host}/v2/`).catch(() => undefined))?.ok === true || undefined;
  if ((await poll(answers, { withinMs: 60_000, everyMs: 50 })) === undefined) throw new Error('No docker-registry.');
  return { host, end: () => void server.kill('SIGKILL') };
}
