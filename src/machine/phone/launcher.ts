import { PHONE } from './places.ts';

/**
 * What starts the supervisor after a boot of the phone. BusyBox's shell runs it, in which `ip`, `nc` and others are BusyBox's own, without TAPs and without netd's names of tables;
 * so it leaves that shell.
 */
export function launcher(): string {
  return `#!/system/bin/sh
unset ASH_STANDALONE
export PATH=/system/bin
exec /system/bin/sh ${PHONE.supervise} run </dev/null >/dev/null 2>&1
`;
}
