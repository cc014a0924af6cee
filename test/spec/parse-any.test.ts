import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { parse, rendered } from '../support/definition.ts';

const name = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/).filter((each) => each !== 'ssh');
const size = fc.record({ count: fc.integer({ min: 256, max: 9999 }), unit: fc.constantFrom('MiB', 'GiB') });
const service = fc.record({
  run: fc.string({ minLength: 1 }).filter((text) => text.trim() !== '' && !text.includes('{{secret:')),
  user: fc.constantFrom('root', 'web'),
  port: fc.integer({ min: 1, max: 65_535 }),
  env: fc.dictionary(
    fc.stringMatching(/^[A-Z]{1,5}$/),
    fc.string({ unit: 'grapheme' }).filter((t) => !t.includes('{{')),
  ),
  content: fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('{{')),
  within: fc.integer({ min: 1, max: 999 }),
});

// Hundreds of definitions: a loaded machine needs its time.
const TIMEOUT_MS = 120_000;

test('whatever is valid comes back as it was written', { timeout: TIMEOUT_MS }, () => {
  fc.assert(
    fc.property(name, size, size, fc.dictionary(name, service, { maxKeys: 4 }), (machine, memory, data, services) => {
      fc.pre(Object.keys(services).length > 0);
      const entries = Object.entries(services);
      const text = stringify({
        name: machine,
        memory: `${memory.count}${memory.unit}`,
        data: `${data.count}${data.unit}`,
        services: entries.map(([each, { run, user, env, port, content, within }], at) => ({
          name: each,
          needs: entries.slice(0, at).map(([earlier]) => earlier),
          run,
          user,
          env,
          ready: { tcp: port, within: `${within}s` },
          files: [{ path: '/etc/file', content }],
        })),
      });
      const { spec, problems } = parse(text);
      expect(rendered(problems, text)).toBe('');
      expect(spec).toMatchObject({ name: machine, memoryMib: mib(memory), dataMib: mib(data) });
      const own = spec?.services.filter((each) => each.name !== 'ssh');
      expect(own).toMatchObject(
        entries.map(([each, { run, user, env, port, content, within }]) => ({
          name: each,
          run: run.trim(),
          user,
          env,
          ready: { check: `/run/vmkit/busybox nc -w 5 127.0.0.1 ${port} -e /bin/true`, withinSeconds: within },
          files: [{ path: '/etc/file', content, mode: 0o644, owner: 'root' }],
        })),
      );
    }),
  );
});

/** Values that a key might be given by mistake. */
const anything = fc.oneof(
  fc.anything({ withNullPrototype: false, maxDepth: 2 }),
  fc.constantFrom(
    'postgres',
    'miniflux',
    'ssh',
    '768MiB',
    '60s',
    '{{secret:x}}',
    22,
    8080,
    ['a', 'b'],
    { use: 'postgres' },
    '__proto__',
  ),
);
const KEYS = [
  'name',
  'memory',
  'data',
  'cpus',
  'kernel',
  'services',
  'needs',
  'use',
  'run',
  'ready',
  'ports',
  'files',
  'secrets',
  'env',
  '__proto__',
  'constructor',
];
const mapping = fc.dictionary(fc.oneof(fc.constantFrom(...KEYS), fc.string()), anything, { maxKeys: 6 });
const almost = fc
  .record({ top: mapping, services: fc.array(fc.oneof(mapping, anything), { maxLength: 4 }) })
  .map(({ top, services }) => ({ ...top, services }));

test('whatever is wrong is told, with a place in the text, and never thrown', { timeout: TIMEOUT_MS }, () => {
  const judge = (text: string): void => {
    const { spec, problems } = parse(text);
    const errors = problems.filter(({ severity }) => severity === 'error');
    expect(spec === undefined).toBe(errors.length > 0);
    const lines = text.split('\n');
    for (const { line, column, message } of problems) {
      expect(line).toBeGreaterThan(0);
      expect(line).toBeLessThanOrEqual(lines.length);
      expect(column).toBeGreaterThan(0);
      expect(message).not.toMatch(/undefined|\[object/);
    }
    rendered(problems, text);
  };
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), judge));
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...'ab:-[]{}&*!|>\'"%@`,?#\n\t 0 ')).map((all) => all.join('')),
      judge,
    ),
    { numRuns: 150 },
  );
  fc.assert(
    fc.property(almost, (value) => judge(JSON.stringify(value) ?? '')),
    { numRuns: 100 },
  );
});

function mib({ count, unit }: { count: number; unit: string }): number {
  return unit === 'GiB' ? count * 1024 : count;
}
