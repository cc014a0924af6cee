import { PHONE_PORTS, portLine } from '../../host/android/phone-ports.ts';
import type { Change } from '../../host/changes/change.ts';
import type { Target } from '../facts.ts';

/** Names what was done to a phone for a port of a machine; '' for what all such names begin with. */
export function portChangeId(machine: string, port: number | ''): string {
  return `vpn-port:${machine}:${port}`;
}

/** What makes a phone open a machine's port at its VPN's address: its supervisor does, for as long as the VPN is on, and again after that. */
export function portChange({ machine, port, bridgeAddress = '' }: Target): Change {
  const line = portLine(bridgeAddress, port);
  const { wanted, events } = PHONE_PORTS;
  const heard = `[ ! -p ${events} ] || echo ports 1<>${events}`;
  // At one address of the phone's at least; the supervisor's log says why it is not.
  const opened = `left=100; until ls ${PHONE_PORTS.open}/*_${line} >/dev/null 2>&1 || [ $left -eq 0 ]; do sleep 0.2; left=$((left - 1)); done`;
  return {
    id: portChangeId(machine, port),
    title: `the phone's VPN has port ${port} of ${machine}`,
    apply: [{ argv: ['sh', '-c', `echo ${line} >>${wanted}; ${heard}; ${opened}`] }],
    undo: [
      {
        argv: [
          'sh',
          '-c',
          `grep -vxF ${line} ${wanted} >${wanted}.new; if [ -s ${wanted}.new ]; then mv ${wanted}.new ${wanted}; else rm -f ${wanted} ${wanted}.new; fi; ${heard}`,
        ],
      },
    ],
    isApplied: { argv: ['grep', '-qxF', line, wanted], needsRoot: true },
    whenFound: 'keep',
    outlivesReboot: true,
  };
}
