import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { machinePaths } from '../../src/core/paths.ts';
import { readState } from '../../src/machine/state/state.ts';
import { isDue, lookAfter } from '../../src/verbs/health.ts';
import { contextIn } from '../support/context.ts';
import { serveHttp } from '../support/stand-ins/http-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const close of closing.splice(0)) close();
});

/** A machine whose monitor is this process, and a server that is told how it fares. */
async function machine() {
  const folder = await temporaryFolder();
  const context = contextIn(folder);
  const paths = machinePaths(context.paths, 'web');
  const told: unknown[] = [];
  let answer = 200;
  const url = await serveHttp((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece));
    request.on('end', () => {
      if (answer === 200) told.push(JSON.parse(body));
      response.writeHead(answer).end();
    });
  });
  vi.spyOn(process, 'cwd').mockReturnValue(folder);
  await mkdir(join(folder, 'vm', 'web'), { recursive: true });
  const services = '[{ name: web, run: exec sleep 1d, ready: { check: "true" } }]';
  const yaml = `name: web\nmemory: 256MiB\ndata: 64MiB\nnotify: ${url}/\nservices: ${services}\n`;
  await writeFile(join(folder, 'vm', 'web', 'vm.yaml'), yaml);
  const started = await context.host.start(['sleep', '600'], { logFile: join(folder, 'log') });
  closing.push(() => process.kill(started.pid));
  const state = {
    ...{ version: 1, name: 'web', startedAt: new Date().toISOString(), cpus: 1, memoryMib: 256, sshPort: 1 },
    ...{ accelerator: { name: 'tcg', reason: 'none' }, services: ['web'], ports: [], tells: [], artifacts: {} },
    ...started,
  };
  await context.host.write(paths.stateFile, JSON.stringify(state));
  expect(await readState(paths, context)).toBeDefined();
  const says = async (...events: readonly object[]): Promise<void> => {
    const lines = [{ event: 'booted' }, ...events].map((event) =>
      JSON.stringify({ uptime: 9, service: 'web', ...event }),
    );
    await writeFile(paths.eventsLog, `${lines.join('\n')}\n`);
  };
  return { context, folder, paths, told, says, refuse: (code: number) => (answer = code) };
}

test('who wants to know is told once that it is not well, and once that it is', async () => {
  const { context, folder, told, says } = await machine();
  const command = `echo "$VMKIT_MACHINE $VMKIT_CONDITION $VMKIT_TEXT" >>${folder}/by-command`;
  await says({ event: 'ready' });
  expect(await lookAfter('web', command, context)).toMatchObject({ isWell: true });
  expect(told).toEqual([]);
  await says({ event: 'ready' }, { event: 'unready', log: '' });
  for (let minute = 0; minute < 3; minute++) {
    expect(await lookAfter('web', command, context)).toMatchObject({ isWell: false, isRestarted: false });
  }
  expect(told).toEqual([
    { machine: 'web', condition: 'degraded', isWell: false, text: 'web is degraded: web unready' },
  ]);
  await says({ event: 'ready' });
  for (let minute = 0; minute < 2; minute++) expect((await lookAfter('web', command, context)).isWell).toBe(true);
  expect(told).toHaveLength(2);
  expect(told[1]).toMatchObject({ isWell: true, text: 'web is well' });
  expect(readFileSync(`${folder}/by-command`, 'utf8')).toBe(
    'web degraded web is degraded: web unready\nweb running web is well\n',
  );
});

test('who was not reached is told the next time', async () => {
  const { context, told, says, refuse, paths } = await machine();
  refuse(503);
  await says({ event: 'unready', log: '' });
  await lookAfter('web', undefined, context);
  expect(context.progress).toContainEqual({ kind: 'note', text: expect.stringMatching(/answered 503/) });
  refuse(200);
  await lookAfter('web', undefined, context);
  expect(told).toHaveLength(1);
  refuse(503);
  await says({ event: 'ready' });
  await lookAfter('web', undefined, context);
  expect(existsSync(paths.healthFile)).toBe(true);
  refuse(200);
  await lookAfter('web', undefined, context);
  expect(told).toHaveLength(2);
  expect(existsSync(paths.healthFile)).toBe(false);
});

test('a machine is restarted after ten minutes, and not again within the hour', () => {
  const at = (minutes: number): string => new Date(minutes * 60_000).toISOString();
  const due = (condition: 'degraded' | 'paused', since: number, now: number, restarted?: number): boolean =>
    isDue(
      condition,
      { since: at(since), ...(restarted === undefined ? {} : { restartedAt: at(restarted) }) },
      new Date(now * 60_000),
    );
  expect(due('degraded', 0, 9)).toBe(false);
  expect(due('degraded', 0, 10)).toBe(true);
  expect(due('degraded', 0, 30, 10)).toBe(false);
  expect(due('degraded', 0, 70, 10)).toBe(true);
  // A full disk of this host, or a person.
  expect(due('paused', 0, 600)).toBe(false);
});
