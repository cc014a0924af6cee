import { type Change, ours } from '../../host/changes/change.ts';
import { launcher } from './launcher.ts';
import { PHONE } from './places.ts';
import { superviseScript } from './supervise-script.ts';

/** The supervisor on a phone, begun now and after each boot. Another vmkit's is renewed, and machines run on. Undone, it has ended, each machine by its own power-off, and its files are gone; those of machines stay. */
export function supervisorChange(): Change {
  const write = (path: string, content: string): Change['apply'][number] => ({
    // A shell that runs it reads on in the file that it opened.
    argv: ['sh', '-c', `cat >${path}.new && chmod 0755 ${path}.new && mv -f ${path}.new ${path}`],
    input: content,
  });
  const own = ['supervise', 'network', 'pid', 'lock', 'events', 'log', 'log.1'].map((name) => `${PHONE.home}/${name}`);
  return {
    ...ours('supervisor', `the supervisor ${PHONE.supervise}, started after each boot by ${PHONE.launcher}`),
    apply: [
      { argv: ['sh', '-c', `umask 077; mkdir -p ${PHONE.machines}`] },
      write(PHONE.supervise, superviseScript()),
      write(PHONE.launcher, launcher()),
      { argv: ['sh', PHONE.supervise, 'renew'] },
    ],
    undo: [
      { argv: ['sh', '-c', `[ ! -e ${PHONE.supervise} ] || sh ${PHONE.supervise} end`] },
      { argv: ['rm', '-f', PHONE.launcher, ...own] },
      { argv: ['sh', '-c', `rmdir ${PHONE.machines} ${PHONE.home} 2>/dev/null || :`] },
    ],
    isApplied: { argv: ['test', '-e', PHONE.supervise], needsRoot: true },
    whenFound: 'refuse',
    isRenewable: true,
    outlivesReboot: true,
  };
}
