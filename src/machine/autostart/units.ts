import { quoteWord } from '../../core/text/shell-quote.ts';

/** What a unit of systemd says of a machine. All paths are absolute. */
export interface Autostart {
  readonly name: string;
  /** vmkit's own command: node, and its program. */
  readonly vmkit: readonly string[];
  /** What `boot` is given: the folder of the definition, and options. */
  readonly boot: readonly string[];
  /** Machines that are started before, and stopped after. */
  readonly needs: readonly string[];
  /** Where vmkit and its programs find things: HOME, PATH, XDG folders. */
  readonly environment: Readonly<Record<string, string>>;
  /** Written by `boot`: which process is the machine. */
  readonly pidFile: string;
  /** There as long as the machine runs, and after an end that nobody asked for. */
  readonly stateFile: string;
  /** Of root, started with the computer; else of a person, whose manager lingers. */
  readonly isSystem: boolean;
  /** A command that is told how the machine fares. */
  readonly notify: string | undefined;
  readonly backup: { readonly when: string; readonly options: readonly string[] } | undefined;
}

/** In seconds: what a machine gets to stop by itself, and what systemd waits for in all. */
const STOP_WITHIN_S = 90;
const STOPPED_WITHIN_S = 150;

export const unitName = (machine: string): string => `vmkit-${machine}.service`;
export const backupUnit = (machine: string, kind: 'service' | 'timer'): string => `vmkit-backup-${machine}.${kind}`;

export const healthUnit = (machine: string, kind: 'service' | 'timer'): string => `vmkit-health-${machine}.${kind}`;

/** The units of a machine, by the names of their files. Pure. */
export function units(autostart: Autostart): ReadonlyMap<string, string> {
  const { name, backup } = autostart;
  const own: [string, string][] = [
    [unitName(name), machineUnit(autostart)],
    [healthUnit(name, 'service'), healthService(autostart)],
    [healthUnit(name, 'timer'), healthTimer(name)],
  ];
  if (backup === undefined) return new Map(own);
  return new Map([
    ...own,
    [backupUnit(name, 'service'), backupService(autostart, backup.options)],
    [backupUnit(name, 'timer'), backupTimer(name, backup.when)],
  ]);
}

/**
 * The main process is QEMU itself (systemd.service(5), PIDFile): its end is the unit's. One that nobody asked for is told by its exit code, or by the state that a
 * clean stop clears a moment later. KillMode=process: the switch of a private network may serve other machines, and ends by itself.
 */
function machineUnit({ name, vmkit, boot, needs, environment, pidFile, stateFile, isSystem }: Autostart): string {
  const after = [...(isSystem ? ['network-online.target'] : []), ...needs.map(unitName)];
  const wasStopped = `for second in 1 2 3 4 5 6 7 8 9 10; do [ -e ${quoteWord(stateFile)} ] || exit 0; sleep 1; done; exit 1`;
  return `# Made by vmkit autostart ${name} on; vmkit autostart ${name} off removes it.
[Unit]
Description=vmkit machine ${name}
${lines('After', after)}${isSystem ? 'Wants=network-online.target\n' : ''}StartLimitIntervalSec=1h
StartLimitBurst=5

[Service]
Type=forking
${environmentLines(environment)}ExecStart=${command([...vmkit, 'boot', ...boot, '--pid-file', pidFile])}
PIDFile=${escaped(pidFile)}
ExecStop=${command([...vmkit, 'stop', name, '--within', String(STOP_WITHIN_S)])}
ExecStopPost=${command(['/bin/sh', '-c', wasStopped])}
Restart=on-failure
RestartSec=10s
KillMode=process
TimeoutStartSec=1h
TimeoutStopSec=${STOPPED_WITHIN_S}s

[Install]
WantedBy=${isSystem ? 'multi-user.target' : 'default.target'}
`;
}

/** Fails while the machine is not well, so systemctl --failed names it. */
function healthService({ name, vmkit, environment, notify }: Autostart): string {
  const all = notify === undefined ? environment : { ...environment, VMKIT_NOTIFY: notify };
  return `# Made by vmkit autostart ${name} on; vmkit autostart ${name} off removes it.
[Unit]
Description=Health of the vmkit machine ${name}

[Service]
Type=oneshot
${environmentLines(all)}ExecStart=${command([...vmkit, 'health', name])}
Nice=10
`;
}

function healthTimer(name: string): string {
  return `# Made by vmkit autostart ${name} on; vmkit autostart ${name} off removes it.
[Unit]
Description=Health of the vmkit machine ${name}, every minute

[Timer]
OnCalendar=minutely
AccuracySec=20s

[Install]
WantedBy=timers.target
`;
}

function backupService({ name, vmkit, environment }: Autostart, options: readonly string[]): string {
  return `# Made by vmkit autostart ${name} on; vmkit autostart ${name} off removes it.
[Unit]
Description=Backup of the vmkit machine ${name}

[Service]
Type=oneshot
${environmentLines(environment)}ExecStart=${command([...vmkit, 'backup', name, ...options])}
Nice=10
IOSchedulingClass=idle
`;
}

/** Persistent: one that was missed while the computer was off is made up for. */
function backupTimer(name: string, when: string): string {
  return `# Made by vmkit autostart ${name} on; vmkit autostart ${name} off removes it.
[Unit]
Description=Backups of the vmkit machine ${name}

[Timer]
OnCalendar=${when}
RandomizedDelaySec=15m
Persistent=true

[Install]
WantedBy=timers.target
`;
}

const lines = (key: string, values: readonly string[]): string => values.map((value) => `${key}=${value}\n`).join('');

function environmentLines(environment: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(environment).sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([name, value]) => `Environment=${quote(`${name}=${escaped(value)}`)}\n`).join('');
}

/** systemd.service(5), "Command lines": quotes, specifiers and variables mean what they say. */
function command(words: readonly string[]): string {
  return words.map((word) => quote(escaped(word).replaceAll('$', '$$$$'))).join(' ');
}

const escaped = (text: string): string => text.replaceAll('%', '%%');

function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
