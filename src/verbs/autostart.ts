import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { parseKeep } from '../backup/keep.ts';
import { VmkitError } from '../core/errors/errors.ts';
import { machinePaths } from '../core/paths.ts';
import { shellCommand } from '../core/text/shell-quote.ts';
import { type Autostart, backupUnit, healthUnit, unitName, units } from '../machine/autostart/units.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import { isThere } from './machine-name.ts';
import type { VerbContext } from './step.ts';

export interface AutostartOptions {
  /** vmkit's own command. */
  readonly vmkit: readonly string[];
  /** Options of `boot` that this machine needs. */
  readonly boot: readonly string[];
  /** When a backup is taken, in systemd's words (systemd.time(7)): `daily`. */
  readonly backup: string | undefined;
  readonly keep: string | undefined;
  /** A command that is told how the machine fares. */
  readonly notify: string | undefined;
  readonly isDryRun: boolean;
}

export interface AutostartReport {
  readonly name: string;
  /** none: this computer has no systemd. */
  readonly manager: 'system' | 'user' | 'none';
  readonly isDryRun: boolean;
  /** Files that were written, with what is in them. */
  readonly files: readonly { readonly path: string; readonly text: string }[];
  /** What was run, or is to be run by hand. */
  readonly commands: readonly string[];
}

/** Variables that say where things are. */
const KEPT = ['PATH', 'XDG_CACHE_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'XDG_CONFIG_HOME'];

/**
 * Has systemd start a machine with the computer, stop it cleanly before it goes off, and start it again when QEMU dies: root's for all, a person's own otherwise.
 * Where there is no systemd nothing is done, and the commands are in the report.
 */
export async function autostartOn(
  spec: VmSpec,
  options: AutostartOptions,
  context: VerbContext,
): Promise<AutostartReport> {
  const manager = await managerOf(context);
  const paths = machinePaths(context.paths, spec.name);
  const backup =
    options.backup === undefined
      ? undefined
      : { when: options.backup, options: options.keep === undefined ? [] : ['--keep', options.keep] };
  if (options.keep !== undefined) parseKeep(options.keep);
  if (options.backup === undefined && options.keep !== undefined) {
    throw new VmkitError('usage', 'bad-usage', '--keep is of backups: --backup says when one is taken.');
  }
  const boot = [spec.directory, ...options.boot];
  if (manager === 'none') return byHand(spec.name, options.vmkit, boot);
  const autostart: Autostart = {
    name: spec.name,
    vmkit: options.vmkit,
    boot,
    needs: spec.needs,
    environment: environmentOf(process.env),
    pidFile: join(paths.stateDir, 'pid'),
    stateFile: paths.stateFile,
    isSystem: manager === 'system',
    notify: options.notify,
    backup,
  };
  const files = [...units(autostart)].map(([name, text]) => ({ path: join(unitFolder(manager), name), text }));
  const timers = [healthUnit(spec.name, 'timer'), ...(backup === undefined ? [] : [backupUnit(spec.name, 'timer')])];
  const commands = [
    systemctl(manager, 'daemon-reload'),
    systemctl(manager, 'enable', unitName(spec.name), ...timers),
    systemctl(manager, 'start', ...timers),
    ...(manager === 'system' ? [] : [['loginctl', 'enable-linger', userInfo().username]]),
  ];
  if (!options.isDryRun) {
    for (const { path, text } of files) await context.host.write(path, text);
    for (const argv of commands) await run(argv, context);
  }
  return { name: spec.name, manager, isDryRun: options.isDryRun, files, commands: commands.map(shellCommand) };
}

/** Takes it back; the machine runs on. What is not there is no error. */
export async function autostartOff(name: string, isDryRun: boolean, context: VerbContext): Promise<AutostartReport> {
  const manager = await managerOf(context);
  if (manager === 'none') return { name, manager, isDryRun, files: [], commands: [] };
  const services = [healthUnit(name, 'service'), backupUnit(name, 'service')];
  const all = [unitName(name), healthUnit(name, 'timer'), backupUnit(name, 'timer'), ...services];
  const there: string[] = [];
  for (const unit of all) if (await isThere(join(unitFolder(manager), unit), context)) there.push(unit);
  const timers = there.filter((unit) => unit.endsWith('.timer'));
  const enabled = there.filter((unit) => !services.includes(unit));
  const before = [
    ...(timers.length === 0 ? [] : [systemctl(manager, 'stop', ...timers)]),
    ...(enabled.length === 0 ? [] : [systemctl(manager, 'disable', ...enabled)]),
  ];
  const after = there.length === 0 ? [] : [systemctl(manager, 'daemon-reload')];
  if (!isDryRun) {
    for (const argv of before) await run(argv, context);
    for (const unit of there) await context.host.remove(join(unitFolder(manager), unit));
    for (const argv of after) await run(argv, context);
  }
  const removals = there.map((unit) => ['rm', join(unitFolder(manager), unit)]);
  return { name, manager, isDryRun, files: [], commands: [...before, ...removals, ...after].map(shellCommand) };
}

/** Whether systemd starts a machine of this computer: by root's manager or by this person's. */
export async function hasAutostart(name: string, context: VerbContext): Promise<boolean> {
  if (!context.host.isHere) return false;
  const paths = (['system', 'user'] as const).map((manager) => join(unitFolder(manager), unitName(name)));
  return (await context.host.statAll(paths)).some((there) => there !== undefined);
}

/** Has systemd stop and start a machine of this computer; false where it does not start it. The caller's own unit outlives that. */
export async function restartUnit(name: string, context: VerbContext): Promise<boolean> {
  if (!(await hasAutostart(name, context))) return false;
  const isSystem = await isThere(join(unitFolder('system'), unitName(name)), context);
  await run(systemctl(isSystem ? 'system' : 'user', '--no-block', 'restart', unitName(name)), context);
  return true;
}

async function managerOf(context: VerbContext): Promise<AutostartReport['manager']> {
  // sd_booted(3).
  if (!(await isThere('/run/systemd/system', context))) return 'none';
  return (await context.host.facts()).isRoot ? 'system' : 'user';
}

function unitFolder(manager: 'system' | 'user'): string {
  if (manager === 'system') return '/etc/systemd/system';
  return join(process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'systemd', 'user');
}

function systemctl(manager: 'system' | 'user', ...words: readonly string[]): readonly string[] {
  return ['systemctl', ...(manager === 'user' ? ['--user'] : []), ...words];
}

/** systemd's manager of the computer gives a service of root's no HOME (systemd.exec(5)). */
function environmentOf(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = KEPT.flatMap((name) => {
    const value = env[name];
    return value === undefined || value === '' ? [] : [[name, value]];
  });
  return { HOME: homedir(), ...Object.fromEntries(kept) };
}

function byHand(name: string, vmkit: readonly string[], boot: readonly string[]): AutostartReport {
  const commands = [
    shellCommand([...vmkit, 'boot', ...boot]),
    shellCommand([...vmkit, 'stop', name, '--within', '90']),
  ];
  return { name, manager: 'none', isDryRun: true, files: [], commands };
}

async function run(argv: readonly string[], { host, signal }: VerbContext): Promise<void> {
  const { exitCode, stderr } = await host.exec(argv, { withinMs: 120_000, signal });
  if (exitCode === 0) return;
  throw new VmkitError('host', 'tool-failed', `${shellCommand(argv)} ended with ${exitCode}: ${stderr.trim()}`, {
    hint: 'The units are written. Run the command by hand to see more; run vmkit autostart again afterwards.',
  });
}
