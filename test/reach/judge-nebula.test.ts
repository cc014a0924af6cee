import { expect, test } from 'vitest';
import type { Dial, Facts } from '../../src/reach/facts.ts';
import { judge } from '../../src/reach/judge.ts';
import type { NebulaClientFacts, NebulaFacts } from '../../src/reach/look/tunnels/nebula-facts.ts';
import type { Observation } from '../../src/reach/observation.ts';
import type { Verdict } from '../../src/reach/report.ts';
import { facts, unanswered } from '../support/ways/probe-facts.ts';

const NODE = { address: '10.89.0.1/24', port: 4242, clients: ['laptop'] };
const said = (output: string, exitCode = 0): Observation => ({ vantage: 'guest', command: 'x', output, exitCode });

/** What a healthy guest and a client said, taken from real ones (Debian trixie, nebula 1.9.3). */
const SOCKETS = 'UNCONN 0 0 0.0.0.0:4242 0.0.0.0:* users:(("nebula",pid=203,fd=9))';
const CERTIFICATE =
  '{"details":{"groups":[],"ips":["10.89.0.1/24"],"isCa":false,"name":"tn","notAfter":"2036-11-21T23:26:00Z","notBefore":"2026-11-24T23:26:00Z"}}';
const LOG = 'level=info msg="Nebula interface is active"';
const REFUSED =
  'level=info msg="Invalid certificate from host" error="certificate validation failed: could not find ca" udpAddr="10.0.2.2:51000"';

function dialled(result: Dial['result']): Dial {
  return { result, firstByteMs: result === 'data' ? 12 : undefined, observation: said(`dial: ${result}`) };
}

const CLIENT: NebulaClientFacts = {
  title: 'node probe',
  ask: said('recv_error: Nebula answers'),
  handshake: said('Handshake message sent\nHandshake message received'),
  dial: dialled('data'),
  sentFrom: 40_000,
  address: undefined,
  guestLog: undefined,
  logBefore: undefined,
};

/** A healthy machine, but for these. */
function seen(
  guest: Readonly<Record<string, Observation>> = {},
  client: Partial<NebulaClientFacts> | 'nobody' = {},
  nebula: Partial<NebulaFacts> = {},
): Facts {
  const base = facts();
  if (base.guest === undefined) throw new Error('No guest.');
  const observed = new Map([
    ...base.guest.observed,
    ['clock', said('1795600000')],
    ['nebulaSocket', said(SOCKETS)],
    ['nebulaCertificate', said(CERTIFICATE)],
    ['nebulaLog', said(LOG)],
    ...Object.entries(guest),
  ]);
  const tried = client === 'nobody' ? undefined : { ...CLIENT, ...client };
  return {
    ...base,
    guest: { ...base.guest, observed },
    nebula: { node: NODE, isForwarded: true, client: tried, whyUntried: undefined, ...nebula },
  };
}

function verdictOn(all: Facts): Verdict {
  const verdict = judge(all).find(({ way }) => way === 'nebula');
  if (verdict === undefined) throw new Error('No verdict.');
  return verdict;
}

test('a healthy machine: the address in the overlay', () => {
  expect(verdictOn(seen())).toMatchObject({ state: 'works', address: 'http://10.89.0.1:3000/', firstByteMs: 12 });
});

test('a machine that is no node, and one whose port leads nowhere yet, are no failures', () => {
  expect(verdictOn(facts())).toMatchObject({ state: 'unavailable', reason: expect.stringContaining('use: nebula') });
  const reason = 'not set up: vmkit expose tn --via nebula';
  expect(verdictOn(seen({}, 'nobody', { isForwarded: false }))).toMatchObject({ state: 'unavailable', reason });
});

test('where there can be no client nothing is called working, and the reason is told', () => {
  const whyUntried = 'no node of Nebula here: nebula did not start';
  expect(verdictOn(seen({}, 'nobody', { whyUntried }))).toMatchObject({ state: 'untried', reason: whyUntried });
});

const lost = said('3 datagrams sent, 0 received', 1);

test.each<[string, Facts]>([
  ['backend-not-listening', seen({ listeners: said('LISTEN 0 1000 0.0.0.0:22 0.0.0.0:*') })],
  ['backend-other-address', seen({ listeners: said('LISTEN 0 9 127.0.0.1:3000 0.0.0.0:*') })],
  ['tun-missing', seen({ tun: said('sh: 1: cannot open /dev/net/tun: No such file', 2) })],
  ['nebula-down', seen({ nebulaSocket: said('UNCONN 0 0 0.0.0.0:4242 0.0.0.0:* users:(("other",pid=9,fd=3))') })],
  ['nebula-certificate-invalid', seen({ clock: said('2195600000') })],
  ['nebula-certificate-invalid', seen({ nebulaCertificate: said('no such file', 1) })],
  [
    'nebula-udp-no-answer',
    seen({}, { ask: said('no answer within 2 s', 1), handshake: lost, dial: dialled('timeout') }),
  ],
  ['nebula-no-handshake', seen({}, { handshake: lost, dial: dialled('timeout'), guestLog: said(LOG) })],
  [
    'nebula-certificate-refused',
    seen({}, { handshake: lost, dial: dialled('timeout'), guestLog: said(`${LOG}\n${REFUSED}`) }),
  ],
  ['dial-timeout', seen({}, { dial: dialled('timeout') })],
])('%s', (cause, all) => {
  const { state, finding } = verdictOn(unanswered(all));
  expect(state).toBe('fails');
  expect(finding?.cause).toBe(cause);
  expect(finding?.observed).not.toBe('');
});

test('a refusal that the log told of before is not this one', () => {
  const old = seen(
    {},
    { handshake: lost, dial: dialled('timeout'), guestLog: said(REFUSED), logBefore: said(REFUSED) },
  );
  expect(verdictOn(old).finding?.cause).toBe('nebula-no-handshake');
});

test('a certificate that is refused by a wrong clock is a matter of the clock', () => {
  const late =
    'level=info msg="Invalid certificate from host" error="certificate validation failed: certificate is expired"';
  const all = seen({}, { handshake: lost, dial: dialled('timeout'), guestLog: said(`${LOG}\n${late}`) });
  const ahead = all.guest === undefined ? all : { ...all, guest: { ...all.guest, clockAhead: 90_000 } };
  expect(verdictOn(ahead).finding).toMatchObject({
    cause: 'nebula-certificate-refused',
    title: expect.stringContaining('by a clock that is wrong'),
    observed: expect.stringContaining('1500 min ahead'),
  });
  expect(verdictOn(all).finding?.fix).toContain('for a new CA');
});

test('which side refuses the certificate is told', () => {
  const handshake = said('Invalid certificate from host: certificate validation failed: expired', 1);
  expect(verdictOn(unanswered(seen({}, { handshake }))).finding?.title).toBe(
    "the client refuses the machine's certificate",
  );
});
