import * as z from 'zod';
import { GUEST } from '../../core/guest-paths.ts';
import type { Service } from '../service.ts';
import { defineService } from './define.ts';

const FOLDER = '/run/podman';
/** Docker's API, spoken by podman (podman-system-service(1)). Root's alone: who may speak here has the whole machine. */
export const PODMAN_SOCKET = `${FOLDER}/podman.sock`;

const options = z.strictObject({}).meta({
  description: `podman from Debian, which runs [containers](containers.md). It speaks Docker's API on ${PODMAN_SOCKET}, for root alone.`,
});

/** Containers outlive podman's service, so that they are stopped with it: they hold the data disk. */
const RUN = `podman system service --time=0 unix://${PODMAN_SOCKET} &
service=$!
trap 'kill "$service"; podman stop --all --time 5 >/dev/null; exit 0' TERM
wait "$service"
`;

/** podman's service. Containers are on the data disk; the root is an overlay already, and the kernel puts no second one over it. */
export const podman = defineService(
  options,
  (): Service => ({
    name: 'podman',
    needs: [],
    // aardvark-dns: containers of one network find each other by name.
    packages: ['podman', 'netavark', 'aardvark-dns', 'nftables', 'ca-certificates', 'curl'],
    components: [],
    user: 'root',
    capabilities: 'all',
    env: {},
    setup: `install -d -m 0700 ${FOLDER}\nrm -f ${PODMAN_SOCKET}\n`,
    run: RUN,
    ready: {
      first: `[ -S ${PODMAN_SOCKET} ]`,
      check: `curl -q -sS -f --max-time 20 -o /dev/null --unix-socket ${PODMAN_SOCKET} http://podman/_ping\n`,
      everyMs: 500,
      withinSeconds: 180,
    },
    afterReady: undefined,
    stop: { signal: 'TERM', withinSeconds: 90 },
    files: [
      {
        path: '/etc/containers/storage.conf',
        mode: 0o644,
        owner: 'root',
        content: `[storage]
driver = "overlay"
graphroot = "${GUEST.data}/podman/storage"
runroot = "/run/containers"
`,
      },
      {
        path: '/etc/containers/containers.conf',
        mode: 0o644,
        owner: 'root',
        content: `[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
firewall_driver = "nftables"
`,
      },
    ],
    secrets: [],
    ports: [],
  }),
);
