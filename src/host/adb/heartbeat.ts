import { askServer } from './server.ts';

const EVERY_MS = 5_000;
const WITHIN_MS = 15_000;

/**
 * Asks a phone for a sign of life while somebody waits for something there, and tells when none comes: adb's server goes on calling a phone `device` whose adbd is
 * frozen, or whose network is gone. `sync:` is answered by adbd itself; nothing is started.
 */
export function heartbeat(
  serial: () => string | undefined,
  onSilence: (why: string) => void,
): (isNeeded: boolean) => void {
  let timer: NodeJS.Timeout | undefined;
  let isAsking = false;
  const beat = async (): Promise<void> => {
    const to = serial();
    if (to === undefined || isAsking) return;
    isAsking = true;
    try {
      (await askServer([`host:transport:${to}`, 'sync:'], WITHIN_MS)).destroy();
    } catch {
      if (timer !== undefined) onSilence(`no answer for ${WITHIN_MS / 1000} s`);
    } finally {
      isAsking = false;
    }
  };
  return (isNeeded) => {
    if (isNeeded === (timer !== undefined)) return;
    clearInterval(timer);
    timer = isNeeded ? setInterval(() => void beat(), EVERY_MS).unref() : undefined;
  };
}
