import * as z from 'zod';
import { GUEST } from '../../../core/guest-paths.ts';
import type { ServiceSecret } from '../../service.ts';
import { FORGEJO_CONFIG, FORGEJO_HOME, FORGEJO_USER } from './app-ini.ts';

/** A name of a runner, here and in Forgejo's `runners`. */
export const runnerName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,30}$/, 'a name of small letters, digits and hyphens, at most 31 characters');

/** The name of Forgejo's secret for a runner in another machine, which reads it. */
export const runnerToken = (runner: string): string => `runner-${runner}`;

export function runnerSecrets(runners: readonly string[]): ServiceSecret[] {
  return runners.map((runner) => ({ name: runnerToken(runner), kind: 'runner', tell: undefined }));
}

/**
 * A script for `afterReady`: Forgejo knows each runner by the secret that both have (Forgejo, "forgejo-cli actions register"). Each is told once, since Forgejo's
 * command takes seconds to start: who removes a runner from its pages has removed it.
 */
export function registerRunners(runners: readonly string[]): string {
  if (runners.length === 0) return '';
  return `# Runners in other machines.
for runner in ${runners.join(' ')}; do
  marker=${FORGEJO_HOME}/runner-$runner
  secret=${GUEST.secrets}/forgejo/runner-$runner
  digest=$(sha256sum <$secret)
  known=
  [ ! -e $marker ] || read -r known <$marker
  [ "$known" != "$digest" ] || continue
  s6-setuidgid ${FORGEJO_USER} forgejo --config ${FORGEJO_CONFIG} forgejo-cli actions register --name "$runner" --secret-file $secret --keep-labels >/dev/null
  echo "$digest" >$marker.new
  sync $marker.new
  mv $marker.new $marker
  echo "made the runner $runner"
done
`;
}
