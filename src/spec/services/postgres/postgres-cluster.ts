import { GUEST } from '../../../core/guest-paths.ts';
import { postgresBin } from './postgres-role.ts';

/** Where the cluster of a major version is in the guest. */
export function postgresData(version: number): string {
  return `${GUEST.data}/postgres/${version}`;
}

/** A command of root's that makes an empty cluster: sorted by code points, whatever the C library's release (built in from PostgreSQL 17 on). */
export function initdb(version: number, at: string): string {
  const locale = version < 17 ? '--locale=C.UTF-8' : '--locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C';
  return `s6-setuidgid postgres ${postgresBin(version)}/initdb -D ${at} --username=postgres --encoding=UTF8 ${locale} \\
    --data-checksums --auth-local=peer --auth-host=scram-sha-256 --no-instructions`;
}
