import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BEGIN, END, editHosts, linesOutside, withNodes } from '../../src/tailnet/hosts/hosts-text.ts';
import { type NodeNames, nodeNames } from '../../src/tailnet/hosts/node-names.ts';

const WEB: NodeNames = { addresses: ['100.64.0.3', 'fd7a::3'], names: ['web.tailnet.test', 'web'] };
const SQL: NodeNames = { addresses: ['100.64.0.4'], names: ['sql.tailnet.test', 'sql'] };

describe('the block of a hosts file', () => {
  test('comes to the end, holds IPv4 and IPv6, full and short names', () => {
    expect(withNodes('127.0.0.1 localhost\n', [WEB, SQL])).toEqual({
      text: `127.0.0.1 localhost
${BEGIN}
100.64.0.3\tweb.tailnet.test web
fd7a::3\tweb.tailnet.test web
100.64.0.4\tsql.tailnet.test sql
${END}
`,
      conflicts: [],
    });
  });

  test('stays where somebody moved it, and loses what is gone', () => {
    const { text } = withNodes('127.0.0.1 localhost\n', [WEB, SQL]);
    const moved = `${text}10.0.0.1 printer\n`;
    const { text: edited } = withNodes(moved, [SQL]);
    expect(edited).toBe(`127.0.0.1 localhost\n${BEGIN}\n100.64.0.4\tsql.tailnet.test sql\n${END}\n10.0.0.1 printer\n`);
  });

  test("a name that a person's line has stays theirs and is reported; the node's other names are written", () => {
    const { text, conflicts } = withNodes('192.168.1.9 WEB # mine\n', [WEB]);
    expect(text).toContain('192.168.1.9 WEB # mine\n');
    expect(text).toContain('100.64.0.3\tweb.tailnet.test\n');
    expect(conflicts).toEqual([
      { name: 'web', written: '192.168.1.9', line: '192.168.1.9 WEB # mine', addresses: WEB.addresses },
    ]);
  });

  test('a line that says the same is no conflict', () => {
    const { conflicts } = withNodes('100.64.0.4 sql sql.tailnet.test\n', [SQL]);
    expect(conflicts).toEqual([]);
  });

  test('a begin whose end was deleted costs no line of anybody', () => {
    const { text } = withNodes(`${BEGIN}\n10.0.0.1 printer\n${BEGIN}\n1.2.3.4 old\n${END}\n`, [SQL]);
    expect(linesOutside(text)).toEqual(['10.0.0.1 printer']);
    expect(text.split(BEGIN)).toHaveLength(2);
  });
});

const line = fc.oneof(
  fc.constantFrom('', '# a comment', '10.0.0.1 printer', '192.168.1.9 web', '::1 localhost', BEGIN, END, 'nonsense'),
  fc.string({ unit: 'grapheme-ascii' }).filter((text) => !/[\r\n]/.test(text)),
);
const file = fc.array(line).map((lines) => (lines.length === 0 ? '' : `${lines.join('\n')}\n`));
const nodes = fc.subarray([WEB, SQL]);

describe('whatever the file holds', () => {
  test('every other line stays, in its order', () => {
    fc.assert(
      fc.property(file, nodes, (text, some) => {
        expect(linesOutside(withNodes(text, some).text)).toEqual(linesOutside(text));
      }),
    );
  });

  test('the same again changes nothing', () => {
    fc.assert(
      fc.property(file, nodes, (text, some) => {
        const once = withNodes(text, some).text;
        expect(withNodes(once, some).text).toBe(once);
      }),
    );
  });

  test('without nodes it is as it was before', () => {
    fc.assert(
      fc.property(file, nodes, (text, some) => {
        const clean = withNodes(text, []).text;
        expect(withNodes(withNodes(clean, some).text, []).text).toBe(clean);
      }),
    );
  });

  test('what others added meanwhile is brought in once, what they took away is gone, and the rest stays', () => {
    fc.assert(
      fc.property(file, file, file, nodes, (from, to, now, some) => {
        const missed = [{ from, to }];
        const { text } = editHosts(now, missed, some);
        const words = (each: string): Set<string> => new Set(linesOutside(each).filter((one) => one.trim() !== ''));
        const [was, theirs, ours, got] = [from, to, now, text].map(words);
        for (const one of theirs ?? []) if (!was?.has(one)) expect(got).toContain(one);
        for (const one of ours ?? []) if (!was?.has(one) || theirs?.has(one)) expect(got).toContain(one);
        expect(editHosts(text, missed, some).text).toBe(text);
      }),
    );
  });
});

describe('the names of a tailnet', () => {
  const self = { DNSName: 'laptop.tailnet.test.', TailscaleIPs: ['100.64.0.1'], Relay: '', Expired: false };
  const peer = (DNSName: string, ...TailscaleIPs: string[]) => ({
    ...{ DNSName, TailscaleIPs, HostName: '', CurAddr: '', Relay: '', OS: 'linux' },
  });
  const named = (...peers: ReturnType<typeof peer>[]) =>
    nodeNames({
      ...{ TUN: true, BackendState: 'Running', Self: self },
      Peer: Object.fromEntries(peers.map((each, at) => [String(at), each])),
    }).map(({ names }) => names);

  test('a node of another tailnet has its full name only', () => {
    expect(named(peer('web.other.test.', '100.64.0.9'))).toEqual([
      ['laptop.tailnet.test', 'laptop'],
      ['web.other.test'],
    ]);
  });

  test('what is no name, no address, or would lead localhost away, is left out', () => {
    expect(
      named(
        peer('evil\n1.2.3.4 bank.tailnet.test.', '100.64.0.9'),
        peer('odd.tailnet.test.', '100.64.0.9 bank'),
        peer('localhost.tailnet.test.', '100.64.0.8'),
        peer('', '100.64.0.7'),
      ),
    ).toEqual([['laptop.tailnet.test', 'laptop'], ['localhost.tailnet.test']]);
  });
});
