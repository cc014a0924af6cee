import { chmod, chown, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { poll } from '../src/core/deadline.ts';
import { runAsThrowAwayUser, THROW_AWAY_UID } from '../test/support/hosts/throw-away-user.ts';
import { secondsSinceStart } from './machine.ts';
import { momentOf, time, vmkit } from './measure.ts';

export interface Domain {
  /** Starts it, and returns the seconds from the start of QEMU until `marker` is among its events. */
  boot(marker: string): Promise<number>;
  /** Cleanly; returns when it is off. */
  stop(): Promise<void>;
}

/** A libvirtd of a user without rights. $1: until this file is gone. */
const DAEMON = `set -eu
mkdir -p "$XDG_CONFIG_HOME/libvirt" "$XDG_RUNTIME_DIR"
printf 'stdio_handler = "file"\\nsecurity_driver = "none"\\n' >"$XDG_CONFIG_HOME/libvirt/qemu.conf"
libvirtd &
daemon=$!
while [ -e "$1" ]; do sleep 0.5; done
kill $daemon
wait $daemon || :
`;

/** A machine of vmkit as a domain of a libvirtd of its own, by emulation; needs root, to become that user. `name` is stopped, and `folder` is for this alone. */
export async function withDomain<T>(
  name: string,
  folder: string,
  env: Record<string, string>,
  work: (domain: Domain) => Promise<T>,
): Promise<T> {
  const home = join(folder, 'home');
  const user = join(folder, 'machine');
  const lives = join(folder, 'lives');
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
  await vmkit(['export', name, '--to', 'libvirt', '-o', user], env);
  const xml = (await readFile(join(user, `${name}.xml`), 'utf8'))
    .replace("type='kvm'", "type='qemu'")
    .replaceAll(`/run/vmkit/${name}`, user);
  await writeFile(join(user, `${name}.xml`), xml);
  for (const each of ['', ...(await readdir(user))]) await chown(join(user, each), THROW_AWAY_UID, THROW_AWAY_UID);
  await writeFile(lives, '');
  const places = {
    HOME: home,
    XDG_RUNTIME_DIR: join(home, 'r'),
    XDG_CONFIG_HOME: join(home, 'c'),
    XDG_CACHE_HOME: join(home, 'k'),
    XDG_DATA_HOME: join(home, 'd'),
  };
  const ended = runAsThrowAwayUser(home, ['sh', '-c', DAEMON, 'sh', lives], places);
  const pidFile = join(places.XDG_RUNTIME_DIR, 'libvirt', 'libvirtd.pid');
  try {
    const pid = async (): Promise<string | undefined> =>
      (await readFile(pidFile, 'utf8').catch(() => '')).trim() || undefined;
    const daemon = await poll(pid, { withinMs: 120_000, everyMs: 100 });
    if (daemon === undefined) throw new Error('No libvirtd.');
    const as = ['setpriv', `--reuid=${THROW_AWAY_UID}`, `--regid=${THROW_AWAY_UID}`, '--clear-groups'];
    const virsh = (...words: readonly string[]): Promise<unknown> =>
      time(['nsenter', '-t', daemon, '-m', ...as, 'virsh', '-q', '-c', 'qemu:///session', ...words], places);
    const answers = (): Promise<true | undefined> =>
      virsh('version').then(
        () => true as const,
        () => undefined,
      );
    await poll(answers, { withinMs: 120_000, everyMs: 200 });
    await virsh('define', join(user, `${name}.xml`));
    const events = join(user, 'events.log');
    const qemu = join(places.XDG_RUNTIME_DIR, 'libvirt', 'qemu', 'run', `${name}.pid`);
    return await work({
      boot: async (marker) => {
        await rm(events, { force: true });
        await virsh('start', name);
        if ((await momentOf(events, marker, 600)) === undefined) throw new Error(`${name} did not boot under libvirt.`);
        return secondsSinceStart(Number(await readFile(qemu, 'utf8')));
      },
      stop: async () => {
        await virsh('shutdown', name);
        if ((await momentOf(events, '"event":"stopped","uptime"', 120)) === undefined)
          throw new Error('It did not stop.');
        const isOff = async (): Promise<true | undefined> =>
          (await readFile(qemu, 'utf8').catch(() => undefined)) === undefined || undefined;
        if ((await poll(isOff, { withinMs: 60_000, everyMs: 50 })) === undefined) throw new Error('QEMU did not end.');
      },
    });
  } finally {
    await rm(lives, { force: true });
    await ended;
  }
}
