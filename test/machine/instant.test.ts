import { expect, test } from 'vitest';
import type { GuestHost } from '../../src/guest/ssh/guest-host.ts';
import { atInstant, standStill } from '../../src/machine/instant.ts';
import { contextIn } from '../support/context.ts';

test('the script with which a guest stands still', async () => {
  await expect(standStill()).toMatchFileSnapshot('../golden/stand-still.sh');
});

const OK = { exitCode: 0, stdout: '', stderr: '' };

/** A guest that writes down what it is told, and ends its standstill with `endsWith`, after it was told to go on. */
function guestThat(endsWith: number, fails: readonly string[] = []) {
  const told: string[] = [];
  let goOn = (): void => undefined;
  const guest: GuestHost = {
    name: 'sql',
    facts: () => Promise.reject(new Error('not asked')),
    read: () => Promise.reject(new Error('not asked')),
    write: () => Promise.reject(new Error('not asked')),
    close: () => undefined,
    exec: async (argv, options = {}) => {
      const script = argv[2] ?? '';
      if (script.includes('fsfreeze')) {
        told.push('freeze');
        const wait = new Promise<void>((resolve) => {
          goOn = resolve;
        });
        options.onLine?.('still');
        await wait;
        told.push('thaw');
        return { ...OK, exitCode: endsWith };
      }
      if (script.startsWith(': >')) {
        goOn();
        return OK;
      }
      told.push(script);
      return fails.includes(script) ? { ...OK, exitCode: 1, stderr: 'no' } : OK;
    },
  };
  return { guest, told };
}

const services = [
  { name: 'a', backup: { before: 'a-before', after: 'a-after' } },
  { name: 'b', backup: { before: 'b-before', after: 'b-after' } },
];
const context = contextIn('/nowhere');

test('services are asked in their order, the copy begins while the guest stands still, and they are told the other way round', async () => {
  const { guest, told } = guestThat(0);
  await atInstant(guest, services, context, async () => void told.push('copy'));
  expect(told).toEqual(['a-before', 'b-before', 'freeze', 'copy', 'thaw', 'b-after', 'a-after']);
});

test('a service that refuses: nothing is copied, and those that were asked are told', async () => {
  const { guest, told } = guestThat(0, ['b-before']);
  const copy = atInstant(guest, services, context, async () => void told.push('copy'));
  await expect(copy).rejects.toMatchObject({ code: 'backup-hook-failed' });
  expect(told).toEqual(['a-before', 'b-before', 'b-after', 'a-after']);
});

test('a copy that does not begin lets the guest go on; one that began too late is none', async () => {
  const failing = guestThat(0);
  const broken = atInstant(failing.guest, services, context, () => Promise.reject(new Error('QMP')));
  await expect(broken).rejects.toThrow('QMP');
  expect(failing.told).toContain('thaw');
  const late = guestThat(75);
  await expect(atInstant(late.guest, services, context, async () => undefined)).rejects.toMatchObject({
    code: 'not-still',
  });
});
