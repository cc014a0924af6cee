import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import * as z from 'zod';
import type { Row } from './measure.ts';
import { MEASURES } from './measures.ts';

/** `npm run bench [-- NAME...]`: measures, prints, and keeps the figures: results.json for the next run, RESULTS.md for people. */
const RESULTS_JSON = new URL('results.json', import.meta.url);
const RESULTS_MD = new URL('RESULTS.md', import.meta.url);

const row = z.object({ what: z.string(), measured: z.string(), reach: z.string(), met: z.boolean(), how: z.string() });
const results = z.record(z.string(), z.object({ date: z.string(), rows: z.array(row) }));

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !MEASURES.some((measure) => measure.name === name));
if (unknown.length > 0) {
  throw new Error(`No measure ${unknown.join(', ')}; there are ${MEASURES.map(({ name }) => name).join(', ')}.`);
}

const kept = results.parse(JSON.parse(await readFile(RESULTS_JSON, 'utf8').catch(() => '{}')));
for (const { name, run } of MEASURES) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const rows = await run();
  for (const one of rows) console.log(line(one));
  kept[name] = { date: new Date().toISOString().slice(0, 10), rows: [...rows] };
  await writeFile(RESULTS_JSON, `${JSON.stringify(kept, undefined, 2)}\n`);
  await writeFile(RESULTS_MD, page());
}

function line({ what, measured, reach, met, how }: Row): string {
  return `| ${what} | ${measured} | ${reach} | ${met ? 'yes' : '**no**'} | ${how} |`;
}

function page(): string {
  const rows = MEASURES.flatMap(({ name }) => kept[name]?.rows ?? []);
  const missing = MEASURES.flatMap(({ name }) => (name in kept ? [] : [name]));
  const dates = [...new Set(Object.values(kept).map(({ date }) => date))].sort().join(', ');
  return `# Figures

Written by \`npm run bench\`; \`npm run bench -- sql\` takes one of them again (${MEASURES.map(({ name }) => name).join(', ')}).
${cpus().length} cores, software emulation (no KVM), measured ${dates}. The machine is shared and noisy: ratios, taken in turn in one run, count most.

| what | measured | reach | reached | how |
|---|---|---|---|---|
${rows.map(line).join('\n')}
${missing.length === 0 ? '' : `\nNot measured yet: ${missing.join(', ')}.\n`}`;
}
