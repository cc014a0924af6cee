import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { shellText } from '../../src/host/changes/change.ts';
import { findProgram, searchPath } from '../../src/host/local/search-path.ts';
import { PHONE } from '../../src/machine/phone/places.ts';
import { phoneNodeChange } from '../../src/tailnet/service/phone-node.ts';
import { serviceChange } from '../../src/tailnet/service/service-change.ts';
import { daemonUnit, type ServiceRequest, UNITS, watchUnit } from '../../src/tailnet/service/units.ts';
import { judgeLook, type Look, signOfLife } from '../../src/tailnet/service/watch-decision.ts';
import { tailscaleStatus } from '../../src/tailnet/tailscale-json.ts';

const request = (over: Partial<ServiceRequest> = {}): ServiceRequest => ({
  tailscaled: '/usr/sbin/tailscaled',
  isUserspace: false,
  watch: ['/usr/bin/node', "/opt/my $things/100%/it's.js", 'tailnet', 'watch'],
  watchUser: 'me',
  ...over,
});

test('what gives a phone a node of its own, and takes it away', async () => {
  const files = { tailscale: '/data/adb/vmkit/files/a', tailscaled: '/data/adb/vmkit/files/b' };
  const { apply, undo } = phoneNodeChange({ ...files, loginServer: 'https://headscale.example.org' }, PHONE);
  const lines = (commands: typeof apply): string => commands.map((each) => `${shellText(each, true)}\n`).join('');
  await expect(`${lines(apply)}# and back\n${lines(undo)}`).toMatchFileSnapshot('../golden/phone-node.txt');
});

describe('the units', () => {
  test.each([false, true])('what is done to the computer, and undone: userspace %s', async (isUserspace) => {
    const { apply, undo } = serviceChange(request({ isUserspace }), !isUserspace);
    const lines = (commands: typeof apply): string => commands.map((each) => `${shellText(each, false)}\n`).join('');
    const text = `${lines(apply)}# and back\n${lines(undo)}`;
    await expect(text).toMatchFileSnapshot(`../golden/tailnet-service${isUserspace ? '-userspace' : ''}.txt`);
  });

  const analyze = findProgram('systemd-analyze', searchPath(process.env['PATH'] ?? ''));

  test.skipIf(analyze === undefined).each([
    ['under TUN', false, 27],
    ['userspace', true, 19],
  ])('systemd takes them, and finds little that they may do: %s', async (_name, isUserspace, most) => {
    const folder = await mkdtemp(join(tmpdir(), 'vmkit-units-'));
    const there = request({
      tailscaled: '/bin/true',
      watch: ['/bin/true', 'a b', '$x%'],
      watchUser: 'root',
      isUserspace,
    });
    const files = { [UNITS.daemon]: daemonUnit(there), [UNITS.watch]: watchUnit(there) };
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const paths = Object.keys(files).map((name) => join(folder, name));
    const { exitCode, stderr } = await execa('systemd-analyze', ['verify', '--man=no', ...paths], { reject: false });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    // Of 100, which is all that root may do (systemd-analyze(1), security).
    const words = ['security', '--offline=yes', `--threshold=${most}`, paths[0] ?? ''];
    const judged = await execa('systemd-analyze', words, { reject: false });
    expect(judged.exitCode, judged.stdout).toBe(0);
  });
});

const MINUTE = 60_000;
const NOW = Date.parse('2026-03-01T12:00:00Z');
const PATIENCE = { patienceMs: 5 * MINUTE, everyMs: 30_000 };

const status = (over: object = {}, heardAt = '0001-01-01T00:00:00Z') =>
  tailscaleStatus.parse({
    BackendState: 'Running',
    Self: { Online: false },
    Peer: { a: { DNSName: 'web.tailnet.test.', LastHandshake: heardAt } },
    ...over,
  });

describe('the watchdog: what says that tailscaled works', () => {
  test.each([
    ['its control connection', status({ Self: { Online: true } }), 'control server'],
    ['a handshake of this minute', status({}, '2026-03-01T11:59:30Z'), 'a handshake with web.tailnet.test'],
    ['somebody stopped it', status({ BackendState: 'Stopped' }), 'it is Stopped'],
    ['it is logged out', status({ BackendState: 'NeedsLogin' }), 'it is NeedsLogin'],
  ])('%s', (_name, seen, told) => {
    expect(signOfLife(seen, NOW, PATIENCE.patienceMs)).toContain(told);
  });

  test('a session lasts longer than a short patience: handshakes come every two minutes', () => {
    expect(signOfLife(status({}, '2026-03-01T11:57:30Z'), NOW, MINUTE)).toContain('a handshake');
    expect(signOfLife(status({}, '2026-03-01T11:56:30Z'), NOW, MINUTE)).toBeUndefined();
  });

  test.each([
    ['it does not answer at its socket', undefined],
    ['nobody was heard since long', status({}, '2026-03-01T11:50:00Z')],
    ['it has no peers', status({ Peer: null })],
    ['it starts and starts', status({ BackendState: 'Starting' })],
    ['a handshake of the future, as of a clock that was set back', status({}, '2026-03-01T13:00:00Z')],
  ])('%s: nothing does', (_name, seen) => {
    expect(signOfLife(seen, NOW, PATIENCE.patienceMs)).toBeUndefined();
  });
});

describe('the watchdog: when it acts', () => {
  /** Looks every half minute at what `lookAt` sees at that minute; the minute at which it acts. */
  const actsAt = (minutes: number, lookAt: (minute: number) => Partial<Look>): number | undefined => {
    let watched = { lookedAt: NOW, aliveAt: NOW };
    for (let at = NOW; at <= NOW + minutes * MINUTE; at += PATIENCE.everyMs) {
      const seen = lookAt((at - NOW) / MINUTE);
      const judged = judgeLook({ at, status: status(), isUplink: true, ...seen }, watched, PATIENCE);
      if (judged.stuck !== undefined) return (at - NOW) / MINUTE;
      watched = judged.watched;
    }
    return undefined;
  };

  test.each<[string, number | undefined, (minute: number) => Partial<Look>]>([
    ['nothing is heard, and the control server answers', 5, () => ({})],
    ['it hangs', 5, () => ({ status: undefined })],
    ['the uplink is away', undefined, () => ({ isUplink: false })],
    ['the uplink comes and goes', undefined, (minute) => ({ isUplink: minute % 4 < 3 })],
    ['the control server is all that it has', undefined, () => ({ status: status({ Self: { Online: true } }) })],
    [
      'it breaks after ten minutes',
      14.5,
      (minute) => (minute < 10 ? { status: status({ Self: { Online: true } }) } : {}),
    ],
    ['somebody stopped it', undefined, () => ({ status: status({ BackendState: 'Stopped' }) })],
  ])('%s: after %s minutes', (_name, minutes, lookAt) => {
    expect(actsAt(30, lookAt)).toBe(minutes);
  });

  test.each([
    ['slept for a night', 8 * 60 * MINUTE],
    ['had its clock set back', -60 * MINUTE],
  ])('a computer that %s gets its time anew', (_name, gap) => {
    const before = { lookedAt: NOW, aliveAt: NOW - 4 * MINUTE };
    const woken = judgeLook({ at: NOW + gap, status: undefined, isUplink: true }, before, PATIENCE);
    expect(woken).toEqual({ watched: { lookedAt: NOW + gap, aliveAt: NOW + gap }, stuck: undefined });
    const { watched } = woken;
    const later = { at: NOW + gap + 30_000, status: undefined, isUplink: true };
    expect(judgeLook(later, { ...watched, aliveAt: watched.aliveAt - 5 * MINUTE }, PATIENCE).stuck).toContain(
      'for 6 min',
    );
  });
});
