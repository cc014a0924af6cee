import { spawn } from 'node:child_process';
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ended } from '../machine.ts';

export const THROW_AWAY_UID = 61_234;

// Files of /etc are replaced in a mount namespace of the process, so the machine keeps its own.
const SCRIPT = `set -eu
etc=$1; shift
for file in passwd group subuid subgid; do
  [ -e /etc/$file ] || : > /etc/$file
  mount --bind "$etc/$file" "/etc/$file"
done
exec setpriv --reuid=${THROW_AWAY_UID} --regid=${THROW_AWAY_UID} --clear-groups "$@"
`;

/** For root: runs a command as a user with subordinate ids, whom nobody else on the machine knows. `home` is made and given to that user. */
export function runAsThrowAwayUser(
  home: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Ended> {
  const etc = `${home}.etc`;
  mkdirSync(etc);
  mkdirSync(home);
  chownSync(home, THROW_AWAY_UID, THROW_AWAY_UID);
  writeFileSync(
    join(etc, 'passwd'),
    `${readFileSync('/etc/passwd', 'utf8')}vmkit-test:x:${THROW_AWAY_UID}:${THROW_AWAY_UID}::${home}:/bin/sh\n`,
  );
  writeFileSync(join(etc, 'group'), `${readFileSync('/etc/group', 'utf8')}vmkit-test:x:${THROW_AWAY_UID}:\n`);
  for (const file of ['subuid', 'subgid']) writeFileSync(join(etc, file), 'vmkit-test:700000:65536\n');
  const child = spawn('unshare', ['--mount', 'sh', '-c', SCRIPT, 'sh', etc, ...argv], {
    cwd: home,
    env: { ...process.env, HOME: home, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (output.stdout += chunk));
  child.stderr.on('data', (chunk) => (output.stderr += chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ exitCode: code ?? -1, ...output }));
  });
}
