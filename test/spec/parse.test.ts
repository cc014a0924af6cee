import { expect, test } from 'vitest';
import { parse } from '../support/definition.ts';

const HELLO = `name: hello
memory: 1GiB
data: 512MiB
cpus: 4
arch: arm64
kernel: { profile: small, fragments: [more.config, /etc/other.config] }
packages: [less]
services:
  - name: hello
    needs: [postgres]
    packages: [python3-minimal]
    env: &env { GREETING: "hello" }
    setup: mkdir -p /data/hello/www
    run: exec python3 -m http.server 8000
    ready: { http: http://127.0.0.1:8000/, within: 2m, every: 500ms }
    afterReady: echo there
    stop: { signal: INT, within: 1500ms }
    files:
      - { path: /etc/hello.conf, content: "token = {{secret:token}}", mode: "0640", owner: service }
    secrets: [{ name: token, kind: hex, tell: The token }]
    ports: [{ name: web, port: 8000, protocol: http, host: 8000 }, { name: admin, port: 8001 }]
  - name: worker
    user: hello
    env: *env
    run: exec worker
    ready: { tcp: 9000 }
  - name: checked
    run: exec checked
    ready: { check: "test -e /run/checked" }
  - use: postgres
`;

test('a definition with everything becomes the machine it describes', async () => {
  const { spec, problems } = parse(HELLO);
  expect(problems).toEqual([]);
  const others = spec?.services.filter(({ name }) => !['postgres', 'ssh'].includes(name));
  const names = spec?.services.map(({ name }) => name);
  const shown = `${JSON.stringify({ ...spec, services: others, order: names }, null, 2)}\n`;
  await expect(shown).toMatchFileSnapshot('../golden/spec-hello.json');
});

test('ssh is in every machine, and services stand in the order in which they start', () => {
  const { spec } = parse('name: demo\nmemory: 512MiB\ndata: 1GiB\nservices:\n  - use: miniflux\n  - use: postgres\n');
  expect(spec?.services.map(({ name }) => name)).toEqual(['ssh', 'postgres', 'miniflux']);
});
