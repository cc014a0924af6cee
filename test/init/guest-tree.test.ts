import { execFileSync } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Tree } from '../../src/core/tree.ts';
import { guestTree } from '../../src/init/guest-tree.ts';
import { confined } from '../../src/init/services/confine.ts';
import { deadlinesOf, library } from '../../src/init/supervise.ts';
import { EVENT_PORT, PHASES, parseGuestEvent } from '../../src/spec/guest-event.ts';
import { miniflux } from '../../src/spec/services/miniflux.ts';
import { postgres } from '../../src/spec/services/postgres/postgres.ts';
import { uidOf } from '../../src/spec/uid.ts';
import type { VmSpec } from '../../src/spec/vm-spec.ts';
import { ownService, specWith } from '../support/spec.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const sql = specWith('sql', [postgres.create({ databases: [{ name: 'app', owner: 'app' }], host: 5432 })]);
const feeds = specWith('feeds', [postgres.create({}), miniflux.create({})]);
const own = specWith('own', [
  ownService({
    name: 'hello',
    isOwn: true,
    env: { GREETING: "it's" },
    files: [
      { path: '/etc/hello.conf', mode: 0o640, owner: 'hello', content: 'plain\n' },
      { path: '/run/hello/key', mode: 0o400, owner: 'hello', content: 'key={{secret:key}}\n' },
    ],
    secrets: [{ name: 'key', kind: 'hex', tell: undefined }],
  }),
  ownService({ name: 'world', isOwn: true, needs: ['hello'], components: ['forgejo'], setup: 'true', memoryMib: 64 }),
]);

/** A tree as text: one heading per entry, then its content. */
function render(tree: Tree): string {
  return tree
    .map((entry) => {
      if (entry.kind === 'symlink') return `==> ${entry.path} -> ${entry.target}\n`;
      if (entry.kind === 'device') return `==> ${entry.path} ${entry.major}:${entry.minor}\n`;
      const heading = `==> ${entry.path} ${entry.mode.toString(8)} ${entry.uid ?? 0}:${entry.gid ?? 0}\n`;
      return entry.kind === 'file' ? heading + entry.content : heading;
    })
    .join('');
}

describe('the generated guest', () => {
  it.each([
    ['sql', sql],
    ['feeds', feeds],
    ['own', own],
  ])('of %s is as agreed', async (name, spec: VmSpec) => {
    await expect(render(guestTree(spec))).toMatchFileSnapshot(`../golden/init-${name}.txt`);
  });

  it('has scripts that a POSIX shell can read', () => {
    for (const spec of [sql, feeds, own]) {
      for (const entry of guestTree(spec)) {
        if (entry.kind !== 'file' || !/^#!\S*[ /]sh\n|^#!\S+ sh\n/.test(String(entry.content))) continue;
        execFileSync('sh', ['-n'], { input: entry.content });
      }
    }
  });

  it('names no phase that the host does not know, and says nothing on the console in place of the port', () => {
    for (const spec of [sql, feeds, own]) {
      const text = render(guestTree(spec));
      const phases = [...text.matchAll(/event_phase ([a-z-]+)/g)].map(([, phase]) => phase);
      expect(phases).toContain('supervisor');
      for (const phase of phases) expect(PHASES).toContain(phase);
      expect(text).not.toMatch(/"event.*dev\/console/);
    }
  });

  it('waits for its turn at the port, and says each event whole', async () => {
    const folder = await temporaryFolder();
    const port = join(folder, 'port');
    const script = library()
      .replaceAll(EVENT_PORT.device, port)
      .replace('/run/vmkit/busybox usleep 20000', `mkdir -p ${folder} && sleep 0.02`);
    // Nobody can write while its folder is not there.
    await rm(folder, { recursive: true });
    execFileSync('sh', ['-c', `${script}\nevent exit postgres ',"code":1'; event_machine booted`]);
    const lines = (await readFile(port, 'utf8')).trim().split('\n');
    // A port keeps what came before; a file does not.
    expect(lines.map((line) => parseGuestEvent(line, ['postgres']))).toMatchObject([{ event: 'booted' }]);
    execFileSync('sh', ['-c', `${script}\nevent_machine state ',"isBooted":true,"services":{"postgres":"ready"}'`]);
    expect(parseGuestEvent((await readFile(port, 'utf8')).trim(), [])).toMatchObject({ event: 'state' });
  });

  it('raises lo before it looks for anything', () => {
    const init = guestTree(sql).find(({ path }) => path === 'init');
    const text = init?.kind === 'file' ? String(init.content) : '';
    expect(text.indexOf('ip link set lo up')).toBeGreaterThan(0);
    expect(text.indexOf('ip link set lo up')).toBeLessThan(text.indexOf('find_disk'));
  });

  it('leaves files with secrets to the secrets disk', () => {
    const text = render(guestTree(own));
    expect(text).toContain('==> payload/etc/hello.conf 640');
    expect(text).not.toContain('run/hello/key');
  });

  it('gives a service the time of those that it needs, and its own', () => {
    const [a, b] = [ownService({ name: 'a' }), ownService({ name: 'b', needs: ['a'] })];
    expect(deadlinesOf([a, b])).toEqual(
      new Map([
        ['a', 30],
        ['b', 60],
      ]),
    );
  });

  it('is planned at once for 200 services that each need all before them', () => {
    const names = Array.from({ length: 200 }, (_, index) => `s${index}`);
    const dense = names.map((name, index) => ownService({ name, needs: names.slice(0, index) })).reverse();
    expect(deadlinesOf(dense).get('s199')).toBe(200 * 30);
    expect(guestTree(specWith('dense', dense)).length).toBeGreaterThan(200);
  });

  it('keeps files below /data for the data disk, in folders of the service', () => {
    const files = ['/data/a/conf/x', "/data/it's/y", '/data/../etc/z'].map((path) => {
      return { path, mode: 0o644, owner: 'a', content: '' };
    });
    const init = guestTree(specWith('files', [ownService({ name: 'a', files })])).find(({ path }) => path === 'init');
    const text = init?.kind === 'file' ? String(init.content) : '';
    const placed = text.split('\n').filter((line) => /^data_(folder|file) /.test(line));
    const id = uidOf('a');
    expect(placed).toEqual([
      `data_folder 'a' 0700 ${id}`,
      `data_folder 'a/conf' 0755 ${id}`,
      "data_file 'a/conf/x'",
      "data_folder 'it'\\''s' 0755 0",
      "data_file 'it'\\''s/y'",
    ]);
  });

  it('starts what is exposed or written by a person at random addresses, whatever its supervisor has', () => {
    const tree = guestTree(own);
    const content = (path: string): string =>
      tree
        .flatMap((entry) =>
          entry.kind === 'file' && entry.path === `payload/run/${path}` ? [String(entry.content)] : [],
        )
        .join();
    expect(content('vmkit/supervise')).toContain('exec /run/vmkit/busybox linux64 -R s6-svscan');
    for (const end of ['hello/run', 'ssh/run', 'hello/log/run', 'vmkit-console/run']) {
      expect(content(`service/${end}`)).toMatch(/exec .*busybox linux64 (?!-R)/);
    }
    expect(content('service/world/run')).toContain('linux64 /run/vmkit/services/world/setup');
    expect(content('vmkit/liveness')).toMatch(/ask hello \d+ \S+ linux64 /);
  });

  it("leaves a user none of root's rights, and a service of root's those that it names", () => {
    expect(confined(ownService({ name: 'a' }))).toContain('--no-new-privs --inh-caps=-all --bounding-set=-all -- ');
    const node = confined(ownService({ name: 'a', user: 'root', capabilities: ['net_admin'] }));
    expect(node).toBe(
      '/usr/bin/setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+net_admin -- /run/vmkit/busybox linux64 ',
    );
    expect(confined(ownService({ name: 'a', user: 'root', capabilities: 'all' }))).toBe('/run/vmkit/busybox linux64 ');
  });
});
