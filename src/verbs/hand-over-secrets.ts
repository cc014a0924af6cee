import { VmkitError } from '../core/errors/errors.ts';
import { GUEST } from '../core/guest-paths.ts';
import { withGuest } from '../machine/guest.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import { packSecrets } from './boot/boot-flow.ts';
import type { VerbContext } from './step.ts';

/** Shell words: the service has ended, started, and is ready again. */
export function restartService(name: string): string {
  return `s6-svc -wR -T 170000 -r ${GUEST.supervised}/${name}`;
}

/**
 * Hands the content of the secrets disk to a running machine, as at a boot, through ssh; then what makes its services take it. Throws `secret-not-taken`: `what` the machine
 * `did not do`.
 */
export async function handOverSecrets(
  spec: VmSpec,
  then: string,
  { what, hint }: { readonly what: string; readonly hint: string },
  context: VerbContext,
): Promise<void> {
  const { secrets } = await packSecrets(spec, context);
  await withGuest(spec.name, context, async (guest) => {
    const unpack = `cd / && ${GUEST.busybox} cpio -idmu 2>/dev/null`;
    const { exitCode, stderr } = await guest.exec(['sh', '-c', `${unpack} && ${then}`], {
      input: secrets,
      withinMs: 180_000,
    });
    if (exitCode === 0) return;
    throw new VmkitError('boot', 'secret-not-taken', `${spec.name} ${what}. ${stderr.trim()}`, {
      hint: `${hint} vmkit stop ${spec.name} && vmkit boot ${spec.name}`,
    });
  });
}
