import type { Runnable } from './command.ts';

/** The one module of each verb. Loaded when it is called: the bundle makes a file of each. */
const COMMANDS: Readonly<Record<string, () => Promise<{ readonly command: Runnable }>>> = {
  'build-kernel': () => import('../commands/build/build-kernel.ts'),
  'check-kernel': () => import('../commands/build/check-kernel.ts'),
  'build-image': () => import('../commands/build/build-image.ts'),
  boot: () => import('../commands/boot.ts'),
  ls: () => import('../commands/ls.ts'),
  status: () => import('../commands/status.ts'),
  logs: () => import('../commands/logs.ts'),
  shell: () => import('../commands/shell.ts'),
  exec: () => import('../commands/exec.ts'),
  cp: () => import('../commands/cp.ts'),
  top: () => import('../commands/top.ts'),
  forward: () => import('../commands/forward.ts'),
  console: () => import('../commands/console.ts'),
  probe: () => import('../commands/reach/probe.ts'),
  expose: () => import('../commands/reach/expose.ts'),
  unexpose: () => import('../commands/reach/unexpose.ts'),
  client: () => import('../commands/reach/client.ts'),
  autostart: () => import('../commands/autostart.ts'),
  export: () => import('../commands/export.ts'),
  push: () => import('../commands/registry/push.ts'),
  pull: () => import('../commands/registry/pull.ts'),
  stop: () => import('../commands/stop.ts'),
  rm: () => import('../commands/rm.ts'),
  backup: () => import('../commands/backup/backup.ts'),
  backups: () => import('../commands/backup/backups.ts'),
  snapshot: () => import('../commands/backup/snapshot.ts'),
  snapshots: () => import('../commands/backup/snapshots.ts'),
  rollback: () => import('../commands/backup/rollback.ts'),
  restore: () => import('../commands/backup/restore.ts'),
  outdated: () => import('../commands/outdated.ts'),
  upgrade: () => import('../commands/upgrade.ts'),
  secrets: () => import('../commands/secrets.ts'),
  host: () => import('../commands/reach/host.ts'),
  'tailnet key': () => import('../commands/tailnet/key.ts'),
  'tailnet devices': () => import('../commands/tailnet/devices.ts'),
  'tailnet rm': () => import('../commands/tailnet/rm.ts'),
  'tailnet hosts': () => import('../commands/tailnet/hosts.ts'),
  'tailnet inventory': () => import('../commands/tailnet/inventory.ts'),
  'tailnet join': () => import('../commands/tailnet/join.ts'),
  'tailnet run': () => import('../commands/tailnet/run.ts'),
  'tailnet leave': () => import('../commands/tailnet/leave.ts'),
  'tailnet doctor': () => import('../commands/tailnet/doctor.ts'),
  'tailnet try': () => import('../commands/tailnet/try.ts'),
  'tailnet service': () => import('../commands/tailnet/service.ts'),
  'tailnet watch': () => import('../commands/tailnet/watch.ts'),
  doctor: () => import('../commands/build/doctor.ts'),
};

export async function loadCommand(verb: string): Promise<Runnable> {
  const load = COMMANDS[verb];
  if (load === undefined) throw new TypeError(`The verb ${verb} has no module.`);
  return (await load()).command;
}
