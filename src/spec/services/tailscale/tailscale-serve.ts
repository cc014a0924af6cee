import { GUEST } from '../../../core/guest-paths.ts';
import type { ServeEntry, Service } from '../../service.ts';
import { TAILSCALE_NOTES, TAILSCALE_STATE } from './tailscale-scripts.ts';

/** What `vmkit expose` added to the serve entries, one `AS PORT TO` a line: on the data disk, since it outlives a boot. */
export const EXPOSED_ENTRIES = `${TAILSCALE_STATE}/exposed`;

/**
 * The serve entries of a node as a service of their own: it needs the node and the services behind it, so they are applied when those are ready, and it is
 * ready when each was dialled through. `owners` are those services' names.
 */
export function tailscaleServe(entries: readonly ServeEntry[], owners: readonly string[]): Service {
  return {
    name: 'tailscale-serve',
    needs: ['tailscale', ...owners],
    packages: [],
    components: [],
    user: 'root',
    capabilities: [],
    env: {},
    setup: `tailscale serve reset
${entries.map((entry) => `${serveCommand(entry)}\n`).join('')}# What \`vmkit expose\` added.
[ ! -s ${EXPOSED_ENTRIES} ] || while read -r as port to; do
  case $as in
    tcp) target=tcp://127.0.0.1:$to ;;
    *) target=http://127.0.0.1:$to ;;
  esac
  tailscale serve --bg --yes "--$as=$port" "$target"
done <${EXPOSED_ENTRIES}
`,
    // It ends with the daemon, and is started again when that is ready again.
    run: `exec s6-svwait -d ${GUEST.supervised}/tailscale\n`,
    ready: { check: checkEntries(entries), everyMs: 250, withinSeconds: 120 },
    afterReady: undefined,
    stop: { signal: 'TERM', withinSeconds: 5 },
    files: [],
    secrets: [],
    ports: [],
  };
}

/** `tailscale serve --bg --yes --https=443 http://127.0.0.1:3000`. The backend is named by 127.0.0.1. */
export function serveCommand({ as, port, to }: ServeEntry): string {
  return `tailscale serve --bg --yes --${as}=${port} ${as === 'tcp' ? 'tcp' : 'http'}://127.0.0.1:${to}`;
}

/** Dials each entry by its tailnet address, as a peer would: through the kernel under TUN, through the daemon otherwise. */
function checkEntries(entries: readonly ServeEntry[]): string {
  if (entries.length === 0) return 'true\n';
  const backends = entries.map(({ to }) => `${GUEST.busybox} nc -w 5 127.0.0.1 ${to} -e /bin/true`);
  const dials = entries.map(({ port }) => `dial ${port}`);
  return `read -r mode <${TAILSCALE_NOTES}/mode
address=$(tailscale ip -4)
dial() {
  if [ "$mode" = tun ]; then
    ${GUEST.busybox} nc -w 5 "$address" "$1" -e /bin/true
  else
    tailscale nc "$address" "$1" </dev/null >/dev/null
  fi
}
${[...backends, ...dials].join('\n')}
`;
}
