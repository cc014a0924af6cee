import type { Dice } from '../support/run/dice.ts';

const SERVICE = `  - name: hello
    packages: [busybox]
    files:
      - { path: /srv/hello/index.html, content: "Hello!\\n" }
      - { path: /data/hello/x, content: "{{secret:key}}", owner: service }
    secrets: [{ name: key, kind: hex }]
    run: exec busybox httpd -f -p 8000 -h /srv/hello
    ready: { http: http://127.0.0.1:8000/ }
    ports: [{ name: web, port: 8000, protocol: http, host: 18000 }]
`;

const WHOLE = [
  `name: a\nmemory: 256MiB\ndata: 64MiB\nservices:\n${SERVICE}`,
  'name: a\nmemory: 512MiB\ndata: 1GiB\nservices:\n  - use: postgres\n    databases: [{ name: app, owner: app }]\n  - use: miniflux\n',
  `name: a\nmemory: 256MiB\ndata: 64MiB\nneeds: [b]\nnetwork: { kind: private, address: 192.168.100.2 }\nkernel: { fragments: [./more.config] }\nservices:\n${SERVICE}`,
  'name: a\nmemory: 512MiB\ndata: 1GiB\nservices:\n  - use: wireguard\n    clients: [phone]\n  - use: nebula\n    clients: [phone]\n  - use: tailscale\n',
];

/** What a person, or a broken editor, may put in the place of a word. */
const WORDS = [
  '',
  '~',
  '[]',
  '{}',
  '""',
  '900000GiB',
  '99999999999999999999MiB',
  '0MiB',
  '-1',
  '1e400',
  '.inf',
  'true',
  '../../../etc/passwd',
  '/data/../../x',
  '/srv/hello/',
  '/srv/hello/index.html/more',
  '/',
  '/proc/1/x',
  'vmkit-console',
  'ssh',
  '__proto__',
  'constructor',
  '*anchor',
  '&a [*a, *a]',
  '!!binary x',
  '"\\0"',
  '"\\ud800"',
  'ä'.repeat(300),
  'x'.repeat(70_000),
  '<<: *x',
  '\t',
] as const;

/** A definition: whole, or with one to four of its words, lines or bytes changed. */
export function someDefinition(dice: Dice): string {
  let text = dice.pick(WHOLE);
  const changes = dice.pick([0, 1, 1, 2, 4]);
  for (let change = 0; change < changes; change += 1) text = changed(text, dice);
  return text;
}

function changed(text: string, dice: Dice): string {
  const lines = text.split('\n');
  const at = dice.int(lines.length);
  const line = lines[at] ?? '';
  switch (dice.int(7)) {
    case 0:
      return lines.toSpliced(at, 1).join('\n');
    case 1:
      return lines.toSpliced(at, 0, line).join('\n');
    case 2:
      return lines.with(at, line.replace(/: .*$/, `: ${dice.pick(WORDS)}`)).join('\n');
    case 3:
      return lines.with(at, line.replace(/[\w./-]+(?=[ ,}\]]|$)/, dice.pick(WORDS))).join('\n');
    case 4:
      return text.slice(0, dice.int(text.length));
    case 5:
      return lines.toSpliced(dice.int(lines.length), 0, line).join('\n');
    default: {
      const from = dice.int(text.length);
      return (
        text.slice(0, from) + dice.pick(['\0', '\x1b[2J', ':', '- ', '"', '{', '\n']) + text.slice(from + dice.int(3))
      );
    }
  }
}
