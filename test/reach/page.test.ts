import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { reportText } from '../../src/cli/show/report-text.ts';
import { isProgram, searchPath } from '../../src/host/local/search-path.ts';
import type { Facts } from '../../src/reach/facts.ts';
import { judge } from '../../src/reach/judge.ts';
import { renderPage } from '../../src/reach/page/page.ts';
import type { ProbeReport } from '../../src/reach/report.ts';
import { facts, unanswered } from '../support/ways/probe-facts.ts';

function reportOf(seen: Facts): ProbeReport {
  return {
    machine: 'tn',
    service: { name: 'web', port: 3000 },
    at: '2026-11-24T10:00:00.000Z',
    tookMs: 4_900,
    vantages: [{ vantage: 'guest', title: 'tn, by ssh' }],
    beside: [],
    ways: judge(seen),
  };
}

const NOTHING_SEEN = {
  ...{ sightings: [], drops: [], risen: new Map(), metrics: new Map() },
  ...{ sockets: undefined, filter: undefined, mark: undefined, words: undefined },
  ...{ rewrites: [], streams: undefined, notices: [], holders: [] },
};
const down = (more: object = {}): Facts => unanswered(facts({ ...DOWN, ...more }));
const DOWN = { loopback: 'lo DOWN 00:00:00:00:00:00 <LOOPBACK>', backend: [1, 'nc: timed out'] } as const;

test('the text: the address where it works; what is wrong, seen, and to do where not', async () => {
  const texts = [facts(), down(), { ...facts(), peer: undefined }, facts({ mode: [1, 'no such file'] })];
  await expect(`${texts.map((seen) => reportText(reportOf(seen))).join('\n\n----\n\n')}\n`).toMatchFileSnapshot(
    '../golden/probe-report.txt',
  );
});

test('the page holds nothing but itself, and runs nothing that a guest said', () => {
  const evil = '<script>alert(1)</script>"\'&';
  const page = renderPage(reportOf(down({ loopback: `lo DOWN <LOOPBACK> ${evil}` })));
  expect(page).not.toContain('<script');
  expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;');
  expect(page).not.toMatch(/(?:src|href)=|@import|url\(/);
});

test("the connection's own way is drawn, with what each place saw, the answer's way back included", () => {
  const page = renderPage(reportOf(facts()));
  expect(page).toMatch(/the peer asks.*the service answers the same question inside the guest.*arrives at the peer/s);
  const lost = renderPage(reportOf({ ...down(), watches: { guest: NOTHING_SEEN } }));
  expect(lost).toContain('nothing: here it ended');
});

const chromium = ['chromium', 'chromium-browser'].find((name) =>
  isProgram(name, searchPath(process.env['PATH'] ?? '')),
);

/** What a frame of that width shows: how far it overflows, and the text of the failing hop. */
const FRAME = (
  page: string,
  width: number,
): string => `<!doctype html><iframe width="${width}" height="900" srcdoc="${page
  .replaceAll('&', '&amp;')
  .replaceAll('"', '&quot;')}"></iframe><pre></pre><script>onload = () => {
  const inside = document.querySelector('iframe').contentDocument;
  const cause = inside.querySelector('.cause').getBoundingClientRect();
  const root = inside.documentElement;
  document.querySelector('pre').textContent = JSON.stringify({
    overflow: root.scrollWidth - root.clientWidth, left: cause.left >= 0, right: cause.right <= root.clientWidth, height: cause.height });
}</script>`;

test.skipIf(chromium === undefined).each([360, 1280])(
  'in Chromium, %i wide: nothing overflows, the failing hop is read',
  async (width) => {
    const folder = await mkdtemp(join(tmpdir(), 'vmkit-page-'));
    try {
      const file = join(folder, 'page.html');
      await writeFile(file, FRAME(renderPage(reportOf(down())), width));
      const flags = [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
      ];
      const size = [`--user-data-dir=${folder}/profile`, `--window-size=${width + 60},1000`];
      const args = [...flags, ...size, '--dump-dom', `file://${file}`];
      const { stdout } = await execa(chromium ?? '', args, { timeout: 50_000 });
      const seen: unknown = JSON.parse(/<pre>(.*?)<\/pre>/.exec(stdout)?.[1] ?? '{}');
      expect(seen).toMatchObject({ overflow: 0, left: true, right: true });
      expect(seen).toHaveProperty('height', expect.closeTo(15, -1));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
