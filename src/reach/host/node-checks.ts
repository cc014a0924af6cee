import { broken, fine, said, warned } from '../checks/check.ts';
import type { HostCheck } from './host-check.ts';

/** The node itself, its control server, its names. */

export const runs: HostCheck['look'] = ({ status, observed, socket }) => {
  const seen = observed.get('status');
  if (status === undefined) {
    const title = 'no tailscaled answers on this computer';
    const fix = 'sudo systemctl enable --now tailscaled; or, without root: vmkit tailnet join --userspace';
    return broken({ cause: 'tailscaled-down', title, observed: 'no process, and no socket in a usual place', fix });
  }
  const { BackendState: state, Health: health } = status;
  if (state === 'Running') return fine(seen);
  const observedText = [`BackendState ${state}`, ...(health ?? [])].join('; ');
  const cause = state === 'NeedsLogin' ? 'not-logged-in' : 'node-not-running';
  const title = state === 'NeedsLogin' ? 'the node is not logged in' : `the node does not run: ${state}`;
  return broken({ cause, title, observed: observedText, fix: `tailscale --socket=${socket} up` }, seen);
};

export const keyLasts: HostCheck['look'] = ({ status, observed }) => {
  const expiry = status?.Self.KeyExpiry;
  const seen = observed.get('status');
  if (status === undefined) return undefined;
  const daysLeft = expiry === undefined ? Number.POSITIVE_INFINITY : (Date.parse(expiry) - Date.now()) / 86_400_000;
  const base = {
    observed: `KeyExpiry ${expiry}`,
    fix: 'tailscale up --force-reauth; or disable its expiry in the admin console',
  };
  if (status.Self.Expired || daysLeft < 0) {
    return broken({ ...base, cause: 'key-expired', title: "the node's key has expired" }, seen);
  }
  if (daysLeft > 7) return fine(seen);
  const title = `the node's key expires in ${Math.max(1, Math.round(daysLeft))} days`;
  return warned({ ...base, cause: 'key-expires-soon', title }, seen);
};

export const controlAnswers: HostCheck['look'] = ({ control, prefs }) => {
  if (control === undefined) return undefined;
  if (control.exitCode === 0) return fine(control);
  const title = 'the control server does not answer this computer';
  const fix = `Is ${prefs?.ControlURL} right, and does a firewall let it through? curl -v ${prefs?.ControlURL}`;
  return warned({ cause: 'control-unreachable', title, observed: said(control), fix }, control);
};

/** TLS and keys of Tailscale take minutes of difference ill. */
const CLOCK_SECONDS = 60;

export const clockRight: HostCheck['look'] = ({ clockAhead: ahead, control }) => {
  if (ahead === undefined) return undefined;
  if (Math.abs(ahead) < CLOCK_SECONDS) return fine(control);
  const observed = `it is ${Math.round(Math.abs(ahead) / 60)} min ${ahead > 0 ? 'ahead of' : 'behind'} the control server's`;
  const title = "this computer's clock is wrong";
  return warned({ cause: 'clock-wrong', title, observed, fix: 'sudo timedatectl set-ntp true' }, control);
};

export const names: HostCheck['look'] = ({ status, prefs, observed }) => {
  const seen = observed.get('name');
  if (status?.BackendState !== 'Running' || seen === undefined) return undefined;
  if (seen.exitCode === 0) return fine(seen, observed.get('resolver'));
  const isOff = prefs?.CorpDNS === false || !status.TUN || status.CurrentTailnet?.MagicDNSEnabled !== true;
  const title = isOff
    ? 'names of the tailnet are not resolved on this computer, which does not ask for them'
    : "names of the tailnet are not resolved: another program wrote /etc/resolv.conf, or the tailnet's resolver is broken";
  const fix = isOff
    ? 'sudo vmkit tailnet hosts --watch; or tailscale set --accept-dns'
    : 'tailscale dns status; sudo systemctl restart tailscaled';
  const cause = isOff ? 'names-not-asked' : 'resolver-broken';
  return warned({ cause, title, observed: said(seen), fix }, seen, observed.get('resolver'));
};
