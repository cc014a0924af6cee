import { Duplex } from 'node:stream';
import { endpointName, type ProgramEndpoint } from '../endpoint.ts';
import type { Host, HostAddress } from '../host.ts';
import { shellHost } from '../shell/shell-host.ts';
import { explainAdbEnd } from './adb-error.ts';
import { type AdbLogin, logIn, openThere } from './adb-login.ts';
import { type AdbShell, adbShell } from './adb-shell.ts';
import { bootLine, connectLine } from './become-root.ts';
import { type AdbDestination, parseAdbUrl } from './destination.ts';
import { heartbeat } from './heartbeat.ts';
import { openVsock } from './open-vsock.ts';

/** An Android phone by adb's server. It is found, and root is asked for, when it is first asked something, and again when it was lost. */
export function adbHost(url: string): Host {
  const destination = parseAdbUrl(url);
  const shells = new Set<AdbShell>();
  let login: Promise<AdbLogin> | undefined;
  let known: AdbLogin | undefined;
  const forget = (): void => {
    login = undefined;
  };
  const loggedIn = (): Promise<AdbLogin> => {
    login ??= logIn(destination, known !== undefined).then((found) => {
      known = found;
      return found;
    });
    login.catch(forget);
    return login;
  };
  const setNeeded = heartbeat(
    () => known?.serial,
    (why) => {
      forget();
      for (const shell of shells) shell.lose(why);
    },
  );
  /** Whoever is held is waited for; the heartbeat goes while there is one. */
  const shellFor = (line: (login: AdbLogin) => string): AdbShell => {
    const shell = adbShell(async () => {
      const found = await loggedIn();
      return openThere(destination, found.serial, `shell,v2,raw:${line(found)}`);
    });
    const hold = (isHeld: boolean): void => {
      isHeld ? shells.add(shell) : shells.delete(shell);
      setNeeded(shells.size > 0);
      shell.hold(isHeld);
    };
    hold(true);
    return {
      ...shell,
      hold,
      onEnd: (done) =>
        shell.onEnd((how) => {
          hold(false);
          // An exit code says that the phone is there.
          if (typeof how !== 'string' || !how.startsWith('exit code')) forget();
          done(how);
        }),
    };
  };
  return {
    ...shellHost({
      name: url,
      startShell: () => shellFor(({ user, su }) => bootLine(user, su)),
      explain: (end) => explainAdbEnd(url, end),
      systemUid: ANDROID_SYSTEM,
    }),
    address: async () => addressOf(destination),
    open: async (to) => {
      if ('vsock' in to) return openVsock(destination, (await loggedIn()).serial, to);
      return openBy(
        shellFor(({ su }) => connectLine(to, su)),
        destination,
        to,
      );
    },
  };
}

/** AID_SYSTEM (android_filesystem_config.h): Android's own services, who can do there what root can. */
const ANDROID_SYSTEM = 1000;

/** A port of a cable has none of ours, and behind 127.0.0.1 is a forward. */
function addressOf({ address, url }: AdbDestination): HostAddress {
  const isLoopback = address === undefined || /^(localhost|127\.|::1)/.test(address.host);
  return { name: address?.host ?? url, isDirect: !isLoopback };
}

/**
 * By `nc` there: adb's own streams end as a whole, so that an answer would be lost to whoever has said all that he has to say; and root reaches sockets that adbd may not.
 */
function openBy(shell: AdbShell, { url }: AdbDestination, to: ProgramEndpoint): Duplex {
  let said = '';
  shell.errors.on('data', (chunk) => {
    said = (said + chunk).slice(-1_000);
  });
  const stream = Duplex.from({ writable: shell.input, readable: shell.output });
  stream.on('close', shell.destroy);
  shell.onEnd((how) => {
    if (how === 'exit code 0') return;
    const title = `the opening of ${endpointName(to)}`;
    stream.destroy(typeof how === 'string' ? explainAdbEnd(url, { how, noise: said, hasStarted: true, title }) : how);
  });
  return stream;
}
