import { machinePaths } from '../../core/paths.ts';
import { runningMachine } from '../../machine/state/running.ts';
import type { Target } from '../../reach/facts.ts';
import { readSecret, secretFile } from '../../secrets/secret-store.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { handOverSecrets, restartService } from '../hand-over-secrets.ts';
import { runStep, type VerbContext } from '../step.ts';

const REFUSED = { what: 'did not take its new address', hint: 'It counts from the next boot on:' };

/**
 * Tells a service that names its own address the one by which it is exposed, `http://forge.example.ts.net`; undefined: by none any more. It is kept with the machine's secrets,
 * so it counts at each boot and for a machine that is off; one that runs is told at once, and the service is restarted. Nothing is done where it is told already, or is
 * not to follow. The caller holds the machine's lock. Throws `secret-not-taken`.
 */
export async function followAddress(
  spec: VmSpec,
  { name, protocol }: Pick<Target, 'name' | 'protocol'>,
  address: string | undefined,
  context: VerbContext,
): Promise<void> {
  const follows = spec.services.find((service) => service.name === name)?.followsExpose;
  if (follows === undefined || protocol !== 'http') return;
  const { host } = context;
  const paths = machinePaths(context.paths, spec.name);
  const url = address === undefined ? undefined : new URL(address);
  const values: readonly (readonly [string, string | undefined])[] = [
    [secretFile(paths, name, follows.host), url?.hostname],
    [secretFile(paths, name, follows.url), url?.href],
  ];
  const former = await Promise.all(values.map(([file]) => readSecret(file, { host })));
  if (values.every(([, value], at) => value === former[at])) return;
  for (const [file, value] of values) {
    await (value === undefined ? host.remove(file) : host.write(file, `${value}\n`, 0o600));
  }
  if ((await runningMachine(spec.name, context)) === undefined) return;
  const title = `${name} of ${spec.name} is told its address${url === undefined ? ' of before' : `, ${url.href}`}`;
  await runStep(
    { title, run: (inner) => handOverSecrets(spec, restartService(name), REFUSED, { ...context, ...inner }) },
    context,
  );
}
