import { VmkitError } from '../../core/errors/errors.ts';
import { quoteWord } from '../../core/text/shell-quote.ts';
import { noRoot } from './adb-error.ts';
import { adbShell } from './adb-shell.ts';
import { type SuKind, suArgv, suKind } from './become-root.ts';
import type { AdbDestination, AdbUser } from './destination.ts';
import { stateError } from './devices.ts';
import { reachDevice } from './reach-device.ts';
import { AdbRefusal, askServer } from './server.ts';

/** Magisk asks on the phone's screen for 10 s, or as its settings say. */
const SU_WITHIN_MS = 20_000;

export interface AdbLogin {
  readonly serial: string;
  readonly user: AdbUser;
  /** undefined where adbd is that user already. */
  readonly su: SuKind | undefined;
}

/** Finds the phone, and how we are there who we want to be. */
export async function logIn(destination: AdbDestination, isBack: boolean): Promise<AdbLogin> {
  const serial = await reachDevice(destination, isBack);
  const ask = (script: string) => runThere(destination, serial, script, SU_WITHIN_MS);
  const [uid = '', hasSu = '', unlocked = ''] = (await ask(WHO)).split('\n');
  if (uid === '0') {
    if (destination.user !== 'shell') return { serial, user: 'root', su: undefined };
    throw new VmkitError('unreachable', 'adb-no-shell', `${destination.url}: adbd runs as root there.`, {
      hint: 'adb unroot',
    });
  }
  const facts = { hasSu: hasSu === 'su', isLocked: unlocked === 'false' };
  if (destination.user === 'shell' || (!facts.hasSu && destination.user === undefined)) {
    return { serial, user: 'shell', su: undefined };
  }
  if (!facts.hasSu) throw noRoot(destination.url, '', facts);
  const askSu = (words: readonly string[]): Promise<string> =>
    ask(`${words.map(quoteWord).join(' ')} 2>&1 </dev/null`).catch(silence);
  const su = suKind(await askSu(['su', '-v']));
  const said = (await askSu(suArgv(su, 'id -u'))).trim();
  if (said === '0') return { serial, user: 'root', su };
  throw noRoot(destination.url, said, facts);
}

/** Our number there; whether there is a su; whether the first user has unlocked the phone since it started. */
const WHO = `id -u
if command -v su >/dev/null; then echo su; else echo; fi
if command -v getprop >/dev/null; then getprop sys.user.0.ce_available; fi
exit 0`;

function silence(error: unknown): string {
  if (error instanceof VmkitError && error.code === 'tool-timeout') return `no answer for ${SU_WITHIN_MS / 1000} s`;
  throw error;
}

/** What a script prints, before there is a shell of ours. */
async function runThere(
  destination: AdbDestination,
  serial: string,
  script: string,
  withinMs: number,
): Promise<string> {
  const shell = adbShell(() => openThere(destination, serial, `shell,v2,raw:${script}`));
  let text = '';
  shell.output.on('data', (chunk) => {
    text += chunk;
  });
  shell.errors.resume();
  shell.input.on('error', () => undefined).end();
  const { url } = destination;
  const timer = setTimeout(() => shell.lose('deadline'), withinMs);
  const how = await new Promise<string | VmkitError>((resolve) => shell.onEnd(resolve));
  clearTimeout(timer);
  if (how instanceof VmkitError) throw how;
  if (how.startsWith('exit code')) return text;
  if (how === 'deadline') {
    throw new VmkitError(
      'unreachable',
      'tool-timeout',
      `${url}: the phone did not answer within ${withinMs / 1000} s.`,
      {
        hint: 'adb reconnect, or turn its debugging off and on.',
      },
    );
  }
  throw new VmkitError(
    'unreachable',
    'adb-connection-lost',
    `${url}: the connection was lost during the login: ${how}`,
    {
      hint: 'Run the same again.',
    },
  );
}

/** A stream of a service of the phone's adbd. */
export async function openThere({ url }: AdbDestination, serial: string, service: string) {
  try {
    return await askServer([`host:transport:${serial}`, service], 30_000);
  } catch (error) {
    if (error instanceof AdbRefusal) throw lostOrAway(url, error.message);
    if (error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError')) {
      throw lostOrAway(url, 'no answer for 30 s');
    }
    throw error;
  }
}

/** `closed`: what adbd says of a service that it does not have, and the server of an adbd that has just gone. */
function lostOrAway(url: string, said: string): VmkitError {
  if (/unauthorized|not found|no devices|no permissions|offline/.test(said)) return stateError(url, said);
  return new VmkitError('unreachable', 'adb-connection-lost', `${url}: the connection was lost: ${said}`, {
    hint: 'Run the same again.',
  });
}
