import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { Tree } from '../../src/core/tree.ts';
import { guestTree } from '../../src/init/guest-tree.ts';
import { deadlinesOf } from '../../src/init/supervise.ts';
import { miniflux } from '../../src/spec/services/miniflux.ts';
import { postgres } from '../../src/spec/services/postgres.ts';
import type { VmSpec } from '../../src/spec/vm-spec.ts';
import { ownService, specWith } from '../support/spec.ts';

const sql = specWith('sql', [postgres.create({ databases: [{ name: 'app', owner: 'app' }], host: 5432 })]);
const feeds = specWith('feeds', [postgres.create({}), miniflux.create({})]);
const own = specWith('own', [
  ownService({
    name: 'hello',
    env: { GREETING: "it's" },
    files: [
      { path: '/etc/hello.conf', mode: 0o640, owner: 'hello', content: 'plain\n' },
      { path: '/run/hello/key', mode: 0o400, owner: 'hello', content: 'key={{secret:key}}\n' },
    ],
    secrets: [{ name: 'key', kind: 'hex', tell: undefined }],
  }),
  ownService({ name: 'world', needs: ['hello'], components: ['forgejo'], setup: 'true' }),
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
        if (entry.kind !== 'file' || !String(entry.content).startsWith('#!/bin/sh')) continue;
        execFileSync('sh', ['-n'], { input: entry.content });
      }
    }
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
});
