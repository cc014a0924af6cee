import { stringify } from 'yaml';
import * as z from 'zod';
import { procAddress, procPort } from '../../../core/addresses/proc-net.ts';
import { GUEST } from '../../../core/guest-paths.ts';
import { machineAddress } from '../../networks/addresses.ts';
import type { Service } from '../../service.ts';
import { defineService } from '../define.ts';
import { PODMAN_SOCKET } from '../podman.ts';
import { untilAnswers } from '../until-answers.ts';
import { runnerName, runnerToken } from './forgejo-runners.ts';

const NAME = 'forgejo-runner';
const HOME = `${GUEST.data}/${NAME}`;
const CONFIG = `${GUEST.own}/${NAME}/config.yml`;
const FOLDER = `/run/${NAME}`;
/** Who this runner is; its secret is in it. */
const REGISTRATION = `${FOLDER}/registration.json`;

const label = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*:docker:\/\/[^\s'"\\]+$/, 'NAME:docker://IMAGE: each job runs in a container');

const options = z
  .strictObject({
    name: runnerName.default('runner').describe('Its name, which stands in `runners` of Forgejo'),
    forgejo: z
      .strictObject({
        machine: z.string().describe('The machine that runs Forgejo; it stands in `needs` of this machine'),
        address: machineAddress.describe('The address of that machine on the private network'),
        port: z.int().min(1024).max(65_535).default(3000).describe('The port of its pages'),
      })
      .describe('The Forgejo whose jobs it runs'),
    labels: z
      .array(label)
      .min(1)
      .default(['docker:docker://data.forgejo.org/oci/node:20-bullseye'])
      .describe("What jobs name in `runs-on`, and the image that they run in; the default is the runner's own"),
    capacity: z.int().min(1).max(64).default(1).describe('How many jobs it runs at once'),
  })
  .meta({
    description:
      "Forgejo's runner, which runs the jobs of Forgejo Actions, each in a container. Jobs are other people's code: give it [a machine of its own](ci.md).\n" +
      'It needs `use: podman` in this machine. Debian does not have it: its executable is a [component](components.md).',
  });

/**
 * Forgejo's runner. It has no rights but to speak with podman, which runs as root: a job that breaks out of its container has this machine, and not that of the
 * repositories.
 */
export const forgejoRunner = defineService(
  options,
  ({ name, forgejo: { machine, address, port }, labels, capacity }): Service => {
    const url = `http://${address}:${port}`;
    return {
      name: NAME,
      needs: ['podman'],
      packages: ['ca-certificates', 'curl', 'git'],
      components: [NAME],
      user: 'root',
      capabilities: [],
      env: { DOCKER_HOST: `unix://${PODMAN_SOCKET}`, XDG_CACHE_HOME: `${HOME}/cache` },
      setup: introduce({ name, url, labels }),
      run: `cd ${HOME}\nexec forgejo-runner daemon --config ${CONFIG}\n`,
      ready: {
        // It asks Forgejo for jobs all the time, on one connection.
        check: `grep -q ' ${procAddress(address)}:${procPort(port)} 01 ' /proc/net/tcp\n`,
        // While Forgejo is away it waits: that is no reason to start it anew.
        still: 'true\n',
        everyMs: 1000,
        withinSeconds: 180,
      },
      afterReady: undefined,
      // Longer than shutdown_timeout: then it ends their containers.
      stop: { signal: 'TERM', withinSeconds: 60 },
      files: [
        {
          path: CONFIG,
          mode: 0o644,
          owner: 'root',
          content: stringify({
            log: { level: 'info' },
            // An answer that comes later than fetch_timeout is lost, and the job in it. Jobs that run when it is stopped have 20 s.
            // Asked every 2 s, its own default, an emulated Forgejo had no processor left to get ready: an answer took that long.
            runner: {
              file: REGISTRATION,
              capacity,
              labels,
              fetch_interval: '10s',
              fetch_timeout: '1m',
              shutdown_timeout: '20s',
            },
            cache: { dir: `${HOME}/cache/actions` },
            // '-': jobs do not get podman's socket.
            container: { docker_host: '-', privileged: false },
          }),
        },
      ],
      secrets: [
        {
          name: 'token',
          kind: 'runner',
          tell: undefined,
          from: { machine, service: 'forgejo', name: runnerToken(name) },
        },
      ],
      ports: [],
    };
  },
);

interface Introduction {
  readonly name: string;
  readonly url: string;
  readonly labels: readonly string[];
}

/**
 * Says who this runner is, and waits until Forgejo knows it. The runner's own command takes the secret on its command line only (forgejo-runner
 * create-runner-file), so its file is written here. Its id is the first sixteen characters of the secret, as a UUID (Forgejo, models/actions/forgejo.go).
 */
function introduce({ name, url, labels }: Introduction): string {
  const names = JSON.stringify(labels.map((each) => each.slice(0, each.indexOf(':'))));
  const declare = `curl -q -sS --fail-with-body --max-time 20 --config - 2>&1 <<END
url = "${url}/api/actions/runner.v1.RunnerService/Declare"
header = "Content-Type: application/json"
header = "x-runner-uuid: $id"
header = "x-runner-token: $token"
data = "{\\"version\\":\\"vmkit\\",\\"labels\\":${names.replaceAll('"', '\\"')}}"
END
`;
  return `install -d -m 0700 ${FOLDER} ${HOME}
token=$(cat ${GUEST.secrets}/${NAME}/token)
id=$(printf %.16s "$token" | od -An -tx1 | tr -d ' \\n' | sed -E 's/^(.{8})(.{4})(.{4})(.{4})/\\1-\\2-\\3-\\4-/')
umask 077
printf '{"id":0,"uuid":"%s","name":"%s","token":"%s","address":"%s","labels":%s}\\n' "$id" ${name} "$token" ${url} '${JSON.stringify(labels)}' >${REGISTRATION}
# Forgejo answers this runner, or it does not start. What it says against it is on the service's log, once.
${untilAnswers(declare, 'sleep 1')}`;
}
