/** What ssh needs of a person's session beside what every child gets: the agent, and the program that asks for a passphrase. */
const NAMES = ['SSH_AUTH_SOCK', 'SSH_ASKPASS', 'SSH_ASKPASS_REQUIRE', 'DISPLAY', 'WAYLAND_DISPLAY', 'KRB5CCNAME'];

/** For ssh alone: whoever reaches the agent's socket can log in as this person. */
export function agentEnvironment(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return Object.fromEntries(
    NAMES.flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
