import { execa } from 'execa';

export interface ApiRequest {
  readonly method?: string;
  readonly body?: unknown;
  readonly as?: Login;
}

interface Login {
  readonly name: string;
  readonly password: string;
}

/** A person at a Forgejo of this computer, at `port`; who that is may be known only later. */
export function forgejoClient(port: () => number, login: () => Login) {
  const basic = ({ name, password }: Login): string => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
  return {
    api: (path: string, { method = 'GET', body, as = login() }: ApiRequest = {}): Promise<Response> =>
      fetch(`http://127.0.0.1:${port()}/api/v1${path}`, {
        method,
        headers: { authorization: basic(as), 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(120_000),
      }),
    /** The password is in git's environment only. */
    git: async (args: readonly string[], cwd: string): Promise<string> => {
      const env = {
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'http.extraHeader',
        GIT_CONFIG_VALUE_0: `Authorization: ${basic(login())}`,
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_TERMINAL_PROMPT: '0',
        ...{ GIT_AUTHOR_NAME: 'T', GIT_AUTHOR_EMAIL: 't@example.org' },
        ...{ GIT_COMMITTER_NAME: 'T', GIT_COMMITTER_EMAIL: 't@example.org' },
      };
      return (await execa('git', args, { cwd, env, timeout: 300_000 })).stdout;
    },
    repository: (name: string): string => `http://127.0.0.1:${port()}/${login().name}/${name}.git`,
  };
}
