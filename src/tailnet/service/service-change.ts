import type { Change, Command } from '../../host/changes/change.ts';
import { daemonUnit, type ServiceRequest, UNITS, watchUnit } from './units.ts';

const FOLDER = '/etc/systemd/system';
export const SERVICE_CHANGE = 'tailnet-service';

/**
 * tailscaled and its watchdog as units of systemd, started now and at each start of the computer. `packaged`: Debian's or Tailscale's own unit is enabled; it rests
 * meanwhile, with its state, and comes back. Pure.
 */
export function serviceChange(request: ServiceRequest, packaged: boolean): Change {
  const write = (name: string, input: string): Command => ({ argv: ['tee', `${FOLDER}/${name}`], input });
  const systemctl = (...words: string[]): Command => ({ argv: ['systemctl', ...words] });
  const { daemon, watch } = UNITS;
  const files = [daemon, watch].map((name) => `${FOLDER}/${name}`);
  return {
    id: SERVICE_CHANGE,
    title: `${daemon}: tailscaled ${request.isUserspace ? 'without any right' : 'with two capabilities'}, and ${watch}`,
    apply: [
      write(daemon, daemonUnit(request)),
      write(watch, watchUnit(request)),
      systemctl('daemon-reload'),
      ...(packaged ? [systemctl('disable', '--now', 'tailscaled.service')] : []),
      systemctl('enable', '--now', daemon, watch),
    ],
    undo: [
      // Half made, some of it is not there.
      { argv: ['sh', '-c', `systemctl disable --now ${daemon} ${watch}; systemctl clean --what=state ${daemon}; :`] },
      { argv: ['rm', '-f', ...files] },
      systemctl('daemon-reload'),
      ...(packaged ? [systemctl('enable', '--now', 'tailscaled.service')] : []),
    ],
    isApplied: { argv: ['test', '-e', `${FOLDER}/${daemon}`], needsRoot: false },
    whenFound: 'refuse',
    outlivesReboot: true,
  };
}
