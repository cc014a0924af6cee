import { expect, test } from 'vitest';
import { parse, rendered } from '../support/definition.ts';
import { docsExamples } from '../support/run/docs-examples.ts';

const examples = await docsExamples();

test.each(examples)('the example at $place is a valid definition', ({ definition }) => {
  const { spec, problems } = parse(definition);
  expect(rendered(problems, definition)).toBe('');
  expect(spec).toBeDefined();
});

test('README.md and the pages of networks, tunnels and the reference have examples', () => {
  const pages = new Set(examples.map(({ place }) => place.replace(/:\d+$/, '')));
  expect([...pages]).toEqual(
    expect.arrayContaining([
      'README.md',
      'docs/containers.md',
      'docs/networks.md',
      'docs/tunnels.md',
      'docs/vm-yaml.md',
    ]),
  );
});
