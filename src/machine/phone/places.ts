import { PHONE_PORTS } from '../../host/android/phone-ports.ts';

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
  events: PHONE_PORTS.events,
  log: '/data/adb/vmkit/log',
  /** The phone's own node of a tailnet, where it has one: its programs, socket, state and log. */
  tailnet: '/data/adb/vmkit/tailnet',
  /** Of root's search path there (host/adb/become-root.ts). */
  programs: '/data/adb/vmkit/bin',
  /** Of each machine what is in no file: /dev is memory on Android. */
  memory: '/dev/vmkit',
} as const;

/** The files of a machine in its folder: its state folder, to which a link in `PHONE.machines` leads. */
export const MACHINE_FILES = {
  /** `on` or `off`: what is to be. */
  wanted: 'wanted',
  /** Becomes crosvm. */
  start: 'start',
  /** Tells crosvm to end. */
  stop: 'stop',
  /** Runs beside crosvm: what leads from the phone to the guest. */
  beside: 'beside',
  /** Joins one who looks at the console to it. */
  console: 'console',
  /** Held by whoever sees to the machine. */
  lock: 'lock',
  /** The path of its secrets in the phone's memory. */
  memory: 'memory',
  /** Names of machines that must have booted, one a line. */
  needs: 'needs',
  tap: 'tap',
  /** There while every service of it is ready. */
  booted: 'booted',
  /** What its crosvm ended with, and what was made of it. */
  ended: 'ended',
  input: 'input',
  socket: 'control.sock',
  consoleLog: 'console.log',
  events: 'events.log',
  monitor: 'qemu.log',
} as const;
