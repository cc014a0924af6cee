import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { type DialEnd, isAnswered } from '../../src/net/dial.ts';
import type { Endpoint } from '../../src/net/endpoint.ts';
import { type Question, questionTo } from '../../src/net/question.ts';
import type { Dial } from '../../src/reach/facts.ts';
import { askScript, readAsk } from '../../src/reach/look/guest/guest-ask.ts';
import { guestScript, isAfterServe, readGuestFacts } from '../../src/reach/look/guest/guest-facts.ts';
import { askSlowAgain } from '../../src/reach/look/peer/dial-from.ts';
import { dialFollowed, dialTwice, type Watcher } from '../../src/reach/look/peer/followed-dial.ts';
import { followRedirect } from '../../src/reach/look/peer/redirect.ts';

test('the question of the guest is the one of the peer, as printf writes it', () => {
  expect(askScript('127.0.0.1', 5432, questionTo('postgres', 'sql'))).toContain(
    "printf '\\000\\000\\000C\\000\\003\\000\\000user\\000vmkit",
  );
  expect(askScript('127.0.0.1', 3000, questionTo('http', 'web'))).toContain('X-Vmkit-Padding: %01400d\\015\\012');
});

const HEAD = 'HTTP/1.0 200 OK\r\nContent-Length: 600\r\n\r\n';
test.each([
  ['data', 'http', `1.00 1.20 1.30 ${HEAD.length + 600} 0 0 \n${HEAD}`],
  ['cut', 'http', `1.00 1.20 1.30 ${HEAD.length + 60} 0 0 \n${HEAD}`],
  ['cut', 'http', '1.00 1.20 10.00 19 0 124 \nHTTP/1.0 200 OK\r\n\r\n'],
  ['coming', 'http', '1.00 1.20 10.00 25 21 124 \nHTTP/1.0 200 OK\r\n\r\nxxxxxx'],
  ['data', 'postgres', '1.00 1.20 1.21 1 0 143 \nN'],
  ['silent', 'http', '1.00 10.00 10.00 0 0 124 \n'],
  ['closed', 'http', '1.00 1.10 1.10 0 0 0 \n'],
  ['refused', 'http', "1.00 1.00 1.00 0 0 1 nc: can't connect to remote host (127.0.0.1): Connection refused\n"],
  ['timeout', 'http', '1.00 4.00 4.00 0 0 1 nc: timed out\n'],
] as const)('inside the guest: %s, %s', (result, protocol, printed) => {
  expect(readAsk(printed, '127.0.0.1', 3000, questionTo(protocol, 'web'))?.result).toBe(result);
});

test('a script that did not run to its end says nothing', () => {
  expect(readAsk('', '127.0.0.1', 3000, questionTo('http', 'web'))).toBeUndefined();
});

const AT = { address: '100.64.0.1', port: 3000 };
const ASKED = { ...questionTo('http', 'web.tailnet.test'), tlsName: undefined };

/** A peer for which each page answers as it is told; what it dialled, with the first line of the question. */
const peer = (pages: Readonly<Record<string, Partial<DialEnd>>>, dialled: string[] = []) => ({
  dial: async ({ address, port }: Endpoint, { text }: Question): Promise<DialEnd> => {
    const page = `${address}:${port}${text.split(' ')[1]}`;
    dialled.push(page);
    return { result: 'data', firstByteMs: 1, text: 'HTTP/1.0 200 OK', ...pages[page] };
  },
});
const sentTo = (location?: string, more: Partial<DialEnd> = {}): DialEnd => ({
  ...{ result: 'data', firstByteMs: 1, text: 'HTTP/1.0 302 Found', status: 302, location },
  ...more,
});

test.each([
  ['http://localhost:3000/', {}, 'localhost is the peer itself', []],
  ['http://127.0.0.1/', {}, '127.0.0.1 is the peer itself', []],
  [
    'https://git.example.org/',
    { 'git.example.org:443/': { result: 'timeout', text: 'timeout' } },
    'timeout',
    ['git.example.org:443/'],
  ],
  ['http://10.0.0.9:8080/x', {}, undefined, ['10.0.0.9:8080/x']],
  [
    'https://web.tailnet.test/',
    { 'web.tailnet.test:443/': { result: 'refused', text: 'refused' } },
    'refused',
    ['web.tailnet.test:443/'],
  ],
] as const)('sent on to %s', async (location, pages, whyNot, expected) => {
  const dialled: string[] = [];
  expect(await followRedirect(peer(pages, dialled), AT, ASKED, sentTo(location), 4_000)).toEqual({ location, whyNot });
  expect(dialled).toEqual(expected);
});

test('a page of the same server is asked for where that is, by name or address; no address, no page', async () => {
  for (const location of ['/login', 'http://100.64.0.1:3000/login', 'http://web.tailnet.test:3000/login']) {
    const dialled: string[] = [];
    expect(await followRedirect(peer({}, dialled), AT, ASKED, sentTo(location), 4_000)).toBeUndefined();
    expect(dialled).toEqual(['100.64.0.1:3000/login']);
  }
  for (const location of [undefined, 'mailto:x']) {
    expect(await followRedirect(peer({}), AT, ASKED, sentTo(location), 4_000)).toBeUndefined();
  }
});

test('from page to page of it: to localhost, to an error, in a circle', async () => {
  const at = '100.64.0.1:3000';
  const follow = (pages: Readonly<Record<string, Partial<DialEnd>>>, more: Partial<DialEnd> = {}) =>
    followRedirect(peer(pages), AT, ASKED, sentTo('/a', more), 4_000);
  const there = 'http://localhost/x';
  expect(await follow({ [`${at}/a`]: sentTo('/b'), [`${at}/b`]: sentTo(there) })).toEqual({
    location: there,
    whyNot: 'localhost is the peer itself',
  });
  expect(await follow({ [`${at}/a`]: { status: 502 } })).toEqual({ location: '/a', whyNot: undefined, status: 502 });
  const circle = { location: '/', whyNot: 'it leads in a circle', isLoop: true };
  expect(await follow({ [`${at}/a`]: sentTo('/') })).toEqual(circle);
  // A browser brings the cookie back, and may get on by it.
  expect(await follow({ [`${at}/a`]: sentTo('/', { setsCookie: true }) })).toBeUndefined();
});

const ended = (result: Dial['result']): Dial => ({
  result,
  firstByteMs: undefined,
  observation: { vantage: 'peer', command: 'dial', output: result, exitCode: 0 },
});

/** Collects what is asked of it. */
function watcherIn(calls: string[], isReady = false): Watcher {
  return {
    begin: () => void calls.push('begin'),
    ready: async () => void calls.push('ready'),
    isReady: () => isReady,
    keep: () => void calls.push('keep'),
  };
}

test('a dial that is answered is not followed; one that fails is dialled again once all is watched', async () => {
  const calls: string[] = [];
  const watcher = watcherIn(calls);
  const dial = (result: Dial['result']) => async (withinMs: number) => {
    calls.push(`dial ${withinMs}`);
    return ended(result);
  };
  expect((await dialFollowed(dial('data'), isAnswered, 8_000, watcher)).result).toBe('data');
  expect(calls).toEqual(['dial 8000']);
  expect((await dialFollowed(dial('refused'), isAnswered, 8_000, watcher)).result).toBe('refused');
  expect(calls.slice(1)).toEqual(['dial 8000', 'begin', 'ready', 'dial 2600', 'keep']);
});

test('where all is watched already, one dial is enough', async () => {
  const calls: string[] = [];
  const dial = async (withinMs: number) => {
    calls.push(`dial ${withinMs}`);
    return ended('timeout');
  };
  await dialFollowed(dial, isAnswered, 8_000, watcherIn(calls, true));
  await dialTwice(dial, isAnswered, 8_000, watcherIn(calls, true));
  expect(calls).toEqual(['ready', 'dial 8000', 'keep', 'ready', 'dial 8000', 'keep']);
});

test('the watch is made while a slow answer is waited for', async () => {
  const calls: string[] = [];
  const dial = async () => sleep(1_300, ended('data'));
  expect((await dialFollowed(dial, isAnswered, 8_000, watcherIn(calls))).result).toBe('data');
  expect(calls).toEqual(['begin']);
});

test('an answer that comes while it is dialled once more ends all, and what was watched is not needed', async () => {
  const calls: string[] = [];
  const dial = async (withinMs: number) =>
    withinMs === 8_000 ? sleep(2_300, ended('data')) : sleep(60_000, ended('silent'), { ref: false });
  expect((await dialFollowed(dial, isAnswered, 8_000, watcherIn(calls))).result).toBe('data');
  expect(calls).toEqual(['begin', 'ready']);
});

test('what was answered slowly is asked once more when all else is over, and the faster answer counts', async () => {
  const dialled: number[] = [];
  const again = (wholeMs: number) => ({
    dial: async ({ port }: Endpoint): Promise<DialEnd> => {
      dialled.push(port);
      return { result: 'data', firstByteMs: wholeMs, wholeMs, text: 'HTTP/1.0 200 OK' };
    },
  });
  const request = { ...questionTo('http', 'web'), tlsName: undefined };
  const requests = [80, 3000, 8443].map((port) => [port, request] as const);
  const answered = (wholeMs: number): Dial => ({ ...ended('data'), wholeMs });
  const dials = new Map([
    [80, answered(40)],
    [3000, answered(2_600)],
    [8443, ended('silent')],
  ]);
  const timesBy = async (wholeMs: number): Promise<(number | undefined)[]> => {
    const from = { peer: again(wholeMs), spare: (atMostMs: number) => atMostMs };
    const found = await askSlowAgain(from, '100.64.0.1', requests, dials);
    return [80, 3000, 8443].map((port) => found.get(port)?.wholeMs);
  };
  expect(await timesBy(50)).toEqual([40, 50, undefined]);
  expect(await timesBy(3_000)).toEqual([40, 2_600, undefined]);
  expect(dialled).toEqual([3000, 3000]);
});

test('a client that can be there once only dials again when its first dial is over', async () => {
  const calls: string[] = [];
  const dial = (result: Dial['result']) => async (withinMs: number) => {
    calls.push(`dial ${withinMs}`);
    return ended(result);
  };
  const watcher = watcherIn(calls);
  expect((await dialTwice(dial('timeout'), isAnswered, 8_000, watcher)).result).toBe('timeout');
  expect(calls).toEqual(['dial 2000', 'ready', 'dial 8000', 'keep']);
});

test('of each command in the guest it is told how it ended, also where its programs are missing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vmkit-look-'));
  const script = guestScript().replace(/^d=.*$/m, `d=${folder}/`);
  const { stdout } = await execa('sh', { input: script, env: { PATH: '/usr/bin:/bin' } });
  await rm(folder, { recursive: true });
  // The number of the process that ended is not there where a command ended its shell.
  expect(stdout.match(/^==> \S+\.exit <==\n\d+$/gm)?.length).toBe(script.match(/& p\d+=\$!$/gm)?.length);
  // What a peer's look needs is known before the rest is.
  const lines = stdout.split('\n');
  const { observed } = readGuestFacts(lines.slice(0, lines.findIndex(isAfterServe) + 1).join('\n'), 0);
  expect([...observed.keys()].slice(-2)).toEqual(['status', 'serve']);
});
