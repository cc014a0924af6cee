import type { ProgramEndpoint } from '../endpoint.ts';
import { BOOT_COMMAND } from '../shell/session/boot-shell.ts';
import type { SshDestination } from './destination.ts';

/**
 * Nothing is asked, since nobody may be there; a person's configuration says the rest. The first of our commands opens the connection, all others go through it,
 * also those of the next vmkit within the minute. A server that does not answer for 15 s is given up.
 */
const OPTIONS: readonly string[] = [
  'BatchMode=yes',
  'ConnectTimeout=10',
  'ServerAliveInterval=5',
  'ServerAliveCountMax=3',
  'ControlMaster=auto',
  'ControlPersist=60',
  'LogLevel=ERROR',
  'PermitLocalCommand=no',
  'RemoteCommand=none',
  'RequestTTY=no',
  'ForwardAgent=no',
  'ForwardX11=no',
];

/** `controlPath`: a socket in a folder that only we can enter. */
function sshArgv(destination: SshDestination, controlPath: string, words: readonly string[]): string[] {
  const options = [...OPTIONS, `ControlPath=${controlPath}`].flatMap((option) => ['-o', option]);
  return ['ssh', ...options, ...loginOptions(destination), ...words];
}

function loginOptions({ user, port }: SshDestination): string[] {
  return [...(user === undefined ? [] : ['-l', user]), ...(port === undefined ? [] : ['-p', String(port)])];
}

/** Prints what a person's configuration says of the destination, and connects to nothing (ssh(1), -G). */
export function configurationArgv(destination: SshDestination): string[] {
  return ['ssh', '-G', ...loginOptions(destination), '--', destination.host];
}

/** Opens a shell there that runs one job after the other. A person's own forwards are left out: they would be taken already. */
export function shellArgv(destination: SshDestination, controlPath: string): string[] {
  return [
    ...sshArgv(destination, controlPath, ['-T', '-o', 'ClearAllForwardings=yes', '--', destination.host]),
    BOOT_COMMAND,
  ];
}

/** Makes or cancels a socket here that leads to a port or a socket there. */
export function forwardArgv(
  destination: SshDestination,
  controlPath: string,
  verb: 'forward' | 'cancel',
  socket: string,
  to: ProgramEndpoint,
): string[] {
  const target = 'tcp' in to ? `${to.at ?? '127.0.0.1'}:${to.tcp}` : to.unix;
  return sshArgv(destination, controlPath, ['-O', verb, '-L', `${socket}:${target}`, '--', destination.host]);
}
