import { GUEST, inTree } from '../core/guest-paths.ts';
import type { Tree, TreeEntry } from '../core/tree.ts';
import { holdsSecret } from '../spec/secrets.ts';
import { uidOf } from '../spec/uid.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import { consoleService } from './services/console-service.ts';
import { serviceDirectory } from './services/service-directory.ts';
import { session } from './services/session.ts';
import { users } from './services/users.ts';
import { vsockForward, vsockPorts } from './services/vsock-forward.ts';
import { LEASE_SCRIPT } from './stage1/network-steps.ts';
import { STAGE1_APPLETS, stage1 } from './stage1/stage1.ts';
import { endOfSupervision, library, poweroff, shutdown, supervise, watch } from './supervise.ts';
import { clock } from './watch/clock.ts';
import { idle } from './watch/idle.ts';
import { liveness } from './watch/liveness.ts';
import { powerKey } from './watch/power-key.ts';

/**
 * All of the initramfs but busybox itself (/bin/busybox): stage 1 as /init, and below /payload what stage 1 copies over the root:
 * s6's directories, vmkit's scripts, the services' files. Holds nothing secret and nothing of the machine's identity.
 */
export function guestTree(spec: VmSpec): Tree {
  return [
    { kind: 'file', path: 'init', mode: 0o755, content: stage1(spec) },
    ...['bin', 'dev', 'proc', 'sys'].map((path): TreeEntry => ({ kind: 'directory', path, mode: 0o755 })),
    // The kernel opens it for process 1 before /dev is mounted.
    { kind: 'device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
    // The kernel starts it for a module that it lacks (sysctl kernel.modprobe), until the root has its own.
    { kind: 'symlink', path: 'sbin/modprobe', target: '../bin/busybox' },
    { kind: 'file', mode: 0o755, ...LEASE_SCRIPT },
    ...STAGE1_APPLETS.map((applet): TreeEntry => ({ kind: 'symlink', path: `bin/${applet}`, target: 'busybox' })),
    ...payload(spec).map((entry) => ({ ...entry, path: `payload/${entry.path}` })),
  ];
}

function payload({ services }: VmSpec): Tree {
  const script = (name: string, content: string): TreeEntry => ({
    kind: 'file',
    path: inTree(`${GUEST.own}/${name}`),
    mode: 0o755,
    content,
  });
  const stopScript = `#!/bin/sh\nexec ${GUEST.powerOff}\n`;
  return [
    script('library', library()),
    script('supervise', supervise()),
    script('watch', watch(services)),
    script('liveness', liveness(services)),
    script('clock', clock()),
    script('idle', idle()),
    ...powerKey(),
    script('session', session()),
    script('shutdown', shutdown(services)),
    script('poweroff', poweroff()),
    script('vsock/run', vsockForward(vsockPorts(services))),
    ...[GUEST.logs, ...['ends', 'ended', 'checked', 'silent', 'killed'].map((name) => `${GUEST.own}/${name}`)].map(
      (path): TreeEntry => ({ kind: 'directory', path: inTree(path), mode: 0o755 }),
    ),
    // s6-svscan(8): what process 1 does on a signal, and when it can not go on.
    ...['SIGTERM', 'SIGINT', 'SIGPWR'].map(
      (signal): TreeEntry => ({
        kind: 'file',
        path: inTree(`${GUEST.supervised}/.s6-svscan/${signal}`),
        mode: 0o755,
        content: stopScript,
      }),
    ),
    ...['finish', 'crash'].map(
      (event): TreeEntry => ({
        kind: 'file',
        path: inTree(`${GUEST.supervised}/.s6-svscan/${event}`),
        mode: 0o755,
        content: endOfSupervision(),
      }),
    ),
    ...users(services),
    // A login's PATH is short.
    ...[...new Set(services.flatMap(({ components }) => components))].map(
      (name): TreeEntry => ({ kind: 'symlink', path: `usr/bin/${name}`, target: `${GUEST.components}/${name}` }),
    ),
    ...consoleService(),
    ...services.flatMap(serviceDirectory),
    ...services.flatMap(({ files }) =>
      files
        .filter(({ content }) => !holdsSecret(content))
        .map(({ path, mode, owner, content }): TreeEntry => {
          const id = uidOf(owner);
          return { kind: 'file', path: path.slice(1), mode, uid: id, gid: id, content };
        }),
    ),
  ];
}
