import { expect, test } from 'vitest';
import { parse, rendered } from '../support/definition.ts';

const own = (name: string, more = ''): string => `  - name: ${name}\n    run: exec x\n    ready: { tcp: 80 }\n${more}`;
const machine = (services: string): string => `name: demo\nmemory: 512MiB\ndata: 1GiB\nservices:\n${services}`;

/** One definition for each kind of mistake. The golden file is what a person would see. */
const MISTAKES: Record<string, string> = {
  'an empty file': '',
  'a list instead of a mapping': '- name: demo\n',
  'nothing but a name': 'name: demo\n',
  'no service at all': machine('').replace('services:', 'services: []'),
  'a name that cannot be a host name': machine('  - use: postgres\n').replace('demo', 'My_Machine'),
  'sizes without a unit, with a foreign unit, and too small':
    'name: demo\nmemory: 768\ndata: 4GB\nservices:\n  - use: postgres\n',
  'too little memory': machine('  - use: postgres\n').replace('512MiB', '128MiB'),
  'unknown keys, with what was meant': `${machine('  - use: postgres\n    hots: 5432\n')}cpu: 4\nkernel: { profil: all }\nnetwork: tap\n`,
  'a kernel that is a slip, and no path': `${machine('  - use: postgres\n')}kernel: debain\n`,
  'a kernel of the wrong kind': `${machine('  - use: postgres\n')}kernel: 6\n`,
  'limits of memory without a unit, that nothing starts in, and that the machine does not have': machine(
    `  - use: postgres\n    memory: 256\n${own('small', '    memory: 4MiB\n')}`,
  ),
  'a limit that is never reached': machine(own('large', '    memory: 1GiB\n')),
  'an unknown service': machine('  - use: postgress\n'),
  'a value of the wrong kind': `${machine('  - use: miniflux\n    port: http\n  - use: postgres\n')}cpus: many\narch: amd64\n`,
  'an entry that is no service': machine('  - postgres\n  - 5\n  -\n'),
  "a service of one's own without run and ready": machine('  - name: hello\n'),
  'two ways of being ready': machine(
    '  - name: hello\n    run: exec x\n    ready: { http: http://127.0.0.1/, tcp: 80 }\n',
  ),
  'durations without a unit': machine(
    '  - name: hello\n    run: exec x\n    ready: { tcp: 80, within: 60 }\n    stop: { within: 5 min }\n',
  ),
  'a check with TLS': machine('  - name: hello\n    run: exec x\n    ready: { http: https://127.0.0.1/ }\n'),
  'a file mode that YAML reads as a number': machine(
    own('hello', '    files: [{ path: etc/x, content: "", mode: 0644 }]\n'),
  ),
  'environment that is no text': machine(own('hello', '    env: { PORT: 8000, 1PORT: "8000" }\n')),
  'needs that are not there': machine(
    `  - use: miniflux\n${own('hello', '    needs: [posgres, hullo]\n')}${own('hallo')}`,
  ),
  'a cycle': machine(own('a', '    needs: [b]\n') + own('b', '    needs: [c]\n') + own('c', '    needs: [a]\n')),
  'a service that needs itself': machine(own('a', '    needs: [a]\n')),
  'the same service twice': machine(`  - use: postgres\n  - use: postgres\n${own('web')}${own('web')}`),
  'the reserved name': machine(`  - use: ssh\n${own('ssh')}`),
  'two services on one port of the machine, and of the host': machine(
    own('web', '    ports: [{ name: web, port: 80, host: 8000 }]\n') +
      own('api', '    ports: [{ name: api, port: 81, host: 8000 }, { name: other, port: 80 }]\n'),
  ),
  'a port of the machine that ssh has': machine(own('web', '    ports: [{ name: web, port: 22 }]\n')),
  'one service on one port twice': machine(own('web', '    ports: [{ name: a, port: 80 }, { name: b, port: 80 }]\n')),
  'built-in services on one port of the host': machine(
    '  - use: postgres\n    databases: [{ name: app, owner: app }]\n    host: 8080\n  - use: miniflux\n',
  ),
  'ports that do not exist': machine(
    own('web', '    ports: [{ name: web, port: 0 }, { name: b, port: 70000, host: 1.5 }]\n'),
  ),
  'secrets that are none, or in the wrong place': machine(
    own(
      'web',
      '    env: { TOKEN: "{{secret:token}}" }\n    secrets: [{ name: token }]\n    files: [{ path: /etc/x, content: "{{secret:tokn}} {{secret:}}" }]\n',
    ),
  ),
  'users whose ids meet': machine(own('web', '    user: u2\n') + own('api', '    user: u56\n')),
  'mistakes of every kind, each said although the others are there': `${machine(
    own('web', '    needs: [api]\n    prots: []\n') +
      own('api', '    needs: [web, nobody]\n    packages: [Bad Name]\n'),
  )}cpus: 0\n`,
  'YAML that is none': 'name: demo\nmemory: "512MiB\nservices: [\n',
  'a tab': 'name: demo\nservices:\n\t- use: postgres\n',
  'a key twice': 'name: demo\nname: other\n',
  'an alias without its anchor': 'name: *who\n',
  'aliases that explode': `a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [${'*a, '.repeat(9)}]\nc: &c [${'*b, '.repeat(9)}]\nd: [${'*c, '.repeat(9)}]\n`,
  'two documents': `${machine('  - use: postgres\n')}---\nname: other\n`,
};

test('every mistake is found, placed and explained', async () => {
  const all = Object.entries(MISTAKES).map(([title, text]) => {
    const { spec, problems } = parse(text);
    expect(spec === undefined, title).toBe(true);
    expect(problems.length, title).toBeGreaterThan(0);
    return `# ${title}\n${rendered(problems, text)}\n`;
  });
  await expect(all.join('\n\n')).toMatchFileSnapshot('../golden/spec-problems.txt');
});

test('the error has all problems as text and as data', async () => {
  const { specInvalid } = await import('../../src/spec/problem.ts');
  const text = 'name: Demo\nmemory: 1\n';
  const error = specInvalid('vm/demo/vm.yaml', text, parse(text).problems);
  expect(error).toMatchObject({ kind: 'spec', code: 'spec-invalid', exitCode: 2 });
  expect(error.message.split('\n')[0]).toBe('vm/demo/vm.yaml has 4 problems.');
  expect(error.details).toMatchObject({
    file: 'vm/demo/vm.yaml',
    problems: [
      { line: 1, column: 1, path: 'data', severity: 'error' },
      { line: 1, column: 1, path: 'services' },
      { line: 1, column: 7, path: 'name', found: '"Demo"' },
      { line: 2, column: 9, path: 'memory', found: '1', hint: 'Write 1MiB.' },
    ],
  });
});
