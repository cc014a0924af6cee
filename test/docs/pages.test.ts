import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { VERB_NAMES } from '../../src/cli/parse/verbs.ts';
import { packageRoot } from '../../src/core/package-root.ts';

const docs = (await readdir(join(packageRoot(), 'docs'), { recursive: true })).filter((file) => file.endsWith('.md'));

test.each(['README.md', ...docs.map((file) => join('docs', file))])(
  'every link of %s leads somewhere',
  async (page) => {
    const text = await readFile(join(packageRoot(), page), 'utf8');
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    const dead = await Promise.all(links.map(async (link) => ((await leads(page, link)) ? [] : [link])));
    expect(dead.flat()).toEqual([]);
  },
);

test.each(['README.md', ...docs.map((file) => join('docs', file))])(
  'every file of this tree that %s names is there',
  async (page) => {
    const text = await readFile(join(packageRoot(), page), 'utf8');
    const named = [...text.matchAll(/(?<![\w/.~-])(?:src|test|scripts|bench|kernel-configs)\/[\w./-]*\w/g)].map(
      ([path]) => path,
    );
    expect(named.filter((path) => !path.includes('NAME') && !existsSync(join(packageRoot(), path)))).toEqual([]);
  },
);

test('every test that docs/security.md names is there', async () => {
  const text = await readFile(join(packageRoot(), 'docs', 'security.md'), 'utf8');
  const tests = [...text.matchAll(/`(\w[\w/-]*\.test\.ts)`/g)].map(([, path = '']) => path);
  expect(tests.length).toBeGreaterThan(20);
  expect(tests.filter((path) => !existsSync(join(packageRoot(), 'test', path)))).toEqual([]);
});

/** A relative link to a file, with or without a heading of it. Names of hosts are not asked. */
async function leads(page: string, link: string): Promise<boolean> {
  if (/^https?:/.test(link)) return true;
  const [path = '', heading] = link.split('#');
  const file = path === '' ? join(packageRoot(), page) : join(packageRoot(), dirname(page), path);
  if (!existsSync(file)) return false;
  if (heading === undefined) return true;
  const titles = [...(await readFile(file, 'utf8')).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => anchorOf(title));
  return titles.includes(heading);
}

/** As GitHub makes it. */
function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

test('the glossary is in alphabetical order, each term once', async () => {
  const text = await readFile(join(packageRoot(), 'docs', 'glossary.md'), 'utf8');
  const terms = [...text.matchAll(/^\| ([^|]+) \|/gm)].map(([, term = '']) => term).slice(1);
  expect(terms.length).toBeGreaterThan(30);
  expect(terms).toEqual([...new Set(terms)].sort((one, other) => one.localeCompare(other, 'en')));
});

test('README.md names every verb', async () => {
  const text = await readFile(join(packageRoot(), 'README.md'), 'utf8');
  const rows = [...text.matchAll(/^\| (`.*?) \|/gm)].map(([, row = '']) => row).join(' ');
  expect(VERB_NAMES.filter((verb) => !new RegExp(`\`${verb}\\b`).test(rows))).toEqual([]);
});
