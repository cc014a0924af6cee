/** Where a phone has what vmkit keeps there as root: there before the first unlock, and the crosvm-domain's files are not (device-encrypted). */
export const PHONE = {
  home: '/data/adb/vmkit',
  /** Magisk and KernelSU run each executable file here after a boot, in BusyBox's shell whatever its first line says. */
  launcher: '/data/adb/service.d/vmkit.sh',
  supervise: '/data/adb/vmkit/supervise',
  /** The shell functions that hold the network right: read anew by the supervisor before each look. */
  network: '/data/adb/vmkit/network',
  machines: '/data/adb/vmkit/machines',
  /** Who writes a line here is heard at once. */
  events: '/data/adb/vmkit/events',
  log: '/data/adb/vmkit/log',
} as const;

/** The files of a machine in its folder. */
export const MACHINE_FILES = {
  /** `on` or `off`: what is to be. */
  wanted: 'wanted',
  /** Becomes crosvm. */
  start: 'start',
  /** Names of machines that must have booted, one a line. */
  needs: 'needs',
  tap: 'tap',
  /** There while every service of it is ready. */
  booted: 'booted',
  /** What its crosvm ended with, and what was made of it. */
  ended: 'ended',
  input: 'input',
  socket: 'control.sock',
  console: 'console.log',
  events: 'events.log',
  monitor: 'crosvm.log',
} as const;
