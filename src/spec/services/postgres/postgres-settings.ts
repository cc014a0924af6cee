import * as z from 'zod';
import { refuseOwned, type SettingValue, settingValue } from '../settings.ts';

const PLACE = 'vmkit decides where things are in the machine.';
const SAFE = 'Without it a power cut loses data; a transaction may be told not to wait: synchronous_commit.';

/** What vmkit sets, and what a definition says instead. */
const OWNED: Readonly<Record<string, string>> = {
  config_file: PLACE,
  data_directory: PLACE,
  external_pid_file: PLACE,
  fsync: SAFE,
  full_page_writes: SAFE,
  hba_file: 'databases: says who may come in.',
  ident_file: 'databases: says who may come in.',
  jit: 'The library that it needs is not in the machine.',
  listen_addresses: 'host: and databases.from: say who reaches it.',
  log_destination: 'vmkit logs prints what it says.',
  logging_collector: 'vmkit logs prints what it says.',
  password_encryption: 'Passwords are kept by scram-sha-256.',
  port: 'port: of the service.',
  unix_socket_directories: PLACE,
};

/** `settings:` of `use: postgres`: any of PostgreSQL's parameters, but those that are vmkit's. */
export const postgresSettings = z
  .record(
    z.string().regex(/^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/, 'a parameter of PostgreSQL in small letters'),
    settingValue,
  )
  .check(({ value, issues }) =>
    refuseOwned(
      Object.keys(value).map((key) => [[key], key]),
      OWNED,
      issues,
    ),
  )
  .default({})
  .describe("PostgreSQL's own parameters: `work_mem: 16MB`; those that vmkit needs for itself are refused");

/** postgresql.conf with these in the place of vmkit's own, or after them. Pure. */
export function withSettings(conf: string, settings: Readonly<Record<string, SettingValue>>): string {
  const keys = Object.keys(settings);
  const kept = conf.split('\n').filter((line) => !keys.includes(line.split(' ')[0] ?? ''));
  const own = Object.entries(settings).map(([key, value]) => `${key} = ${quote(value)}\n`);
  return `${kept.join('\n')}${own.length === 0 ? '' : `# From vm.yaml.\n${own.join('')}`}`;
}

/** PostgreSQL, "Parameter Interaction via the Configuration File": in single quotes, with ' doubled. A backslash begins an escape. */
function quote(value: SettingValue): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return `'${String(value).replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
