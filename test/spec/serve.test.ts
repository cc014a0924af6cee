import { expect, test } from 'vitest';
import { parseVm } from '../../src/spec/read/parse.ts';

const vm = (serve: string): string => `name: web
memory: 256MiB
data: 64MiB
services:
  - name: page
    run: exec httpd
    ready: { tcp: 3000 }
    ports: [{ name: web, port: 3000 }]
  - use: tailscale
    serve: [${serve}]
`;

test('what serves a port waits for the node and for the service behind it', () => {
  const { spec, problems } = parseVm(vm('{ as: tcp, port: 8443, to: 3000 }'), '/vm');
  expect(problems).toEqual([]);
  expect(spec?.services.find(({ name }) => name === 'tailscale-serve')?.needs).toEqual(['tailscale', 'page']);
});

test.each([
  ['{ as: tcp, port: 3000, to: 3000 }', 'port 3000 is held by page on 0.0.0.0'],
  ['{ as: http, port: 80, to: 3001 }', 'no service of this machine has the port 3001'],
])('%s is refused when the definition is read', (serve, message) => {
  const { spec, problems } = parseVm(vm(serve), '/vm');
  expect(spec).toBeUndefined();
  expect(problems).toMatchObject([{ line: 10, message: expect.stringContaining(message) }]);
});
