import { homedir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { VmkitError } from '../../core/errors/errors.ts';
import { parseJson } from '../../core/text/json.ts';
import type { Host } from '../../host/host.ts';

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** containers-auth.json(5), and docker's config.json, which it is made after. */
const authFile = z.object({
  auths: z.record(z.string(), z.object({ auth: z.string().optional() })).optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
  credsStore: z.string().optional(),
});

const helperAnswer = z.object({ Username: z.string(), Secret: z.string() });

/** The login of a registry as docker or podman keeps it: the first file that has one. Throws `registry-login`. */
export async function readCredentials(
  registry: string,
  repository: string,
  host: Host,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Credentials | undefined> {
  for (const file of authFiles(env)) {
    const bytes = await host.read(file);
    if (bytes === undefined) continue;
    const kept = parseJson(Buffer.from(bytes).toString('utf8'), authFile);
    if (kept === undefined)
      throw loginError(`${file} is no file of credentials.`, 'docker login or podman login writes a new one.');
    const helper = kept.credHelpers?.[registry] ?? kept.credsStore;
    const found =
      (helper === undefined ? undefined : await askHelper(helper, registry, host)) ??
      basicOf(kept, registry, repository);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** In the order of podman, then docker's. */
function authFiles(env: NodeJS.ProcessEnv): string[] {
  const home = env['HOME'] || homedir();
  const given = env['REGISTRY_AUTH_FILE'];
  if (given !== undefined && given !== '') return [given];
  return [
    ...(env['XDG_RUNTIME_DIR'] === undefined ? [] : [join(env['XDG_RUNTIME_DIR'], 'containers/auth.json')]),
    join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'containers/auth.json'),
    join(env['DOCKER_CONFIG'] ?? join(home, '.docker'), 'config.json'),
  ];
}

/** Podman may keep one for `HOST/REPOSITORY` or a part of it. */
function basicOf(
  { auths = {} }: z.infer<typeof authFile>,
  registry: string,
  repository: string,
): Credentials | undefined {
  const parts = repository.split('/');
  const names = parts.map((_, at) => [registry, ...parts.slice(0, parts.length - at)].join('/'));
  const keys = [...names, registry, `https://${registry}`, `https://${registry}/v1/`];
  const auth = keys.map((key) => auths[key]?.auth).find((each) => each !== undefined && each !== '');
  const [, user, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(auth ?? '', 'base64').toString('utf8')) ?? [];
  return user === undefined || password === undefined ? undefined : { user, password };
}

const HELPER_WITHIN_MS = 60_000;

/** A program `docker-credential-NAME`, told the registry on standard input (docker's credential helper protocol). */
async function askHelper(name: string, registry: string, host: Host): Promise<Credentials | undefined> {
  if (!/^[A-Za-z0-9_-]+$/.test(name))
    throw loginError(`${name} is no name of a credential helper.`, 'Mend the file of credentials.');
  const program = `docker-credential-${name}`;
  const env = Object.fromEntries(
    ['DISPLAY', 'GNUPGHOME', 'PASSWORD_STORE_DIR'].flatMap((key) =>
      process.env[key] === undefined ? [] : [[key, process.env[key] ?? '']],
    ),
  );
  const { exitCode, stdout } = await host.exec([program, 'get'], { input: registry, withinMs: HELPER_WITHIN_MS, env });
  if (exitCode !== 0) {
    if (/credentials not found/i.test(stdout)) return undefined;
    // What it printed may hold a secret.
    throw loginError(`${program} ended with exit code ${exitCode}.`, `Try: echo ${registry} | ${program} get`);
  }
  const answer = parseJson(stdout, helperAnswer);
  return answer === undefined ? undefined : { user: answer.Username, password: answer.Secret };
}

function loginError(message: string, hint: string): VmkitError {
  return new VmkitError('usage', 'registry-login', message, { hint });
}
