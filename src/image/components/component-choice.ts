import { resolve } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { componentVariable } from './component.ts';

/** Component → absolute path of the executable that a person gives. */
export type ChosenComponents = ReadonlyMap<string, string>;

/** The names of all components of a machine, sorted, each once. */
export function componentNames({ services }: Pick<VmSpec, 'services'>): string[] {
  return [...new Set(services.flatMap(({ components }) => components))].sort();
}

/**
 * What `--component NAME=PATH` and the environment (VMKIT_FORGEJO=PATH) give; the option counts more. A name that the machine has no use for
 * is an error in an option, and passed over in the environment.
 */
export function chooseComponents(
  options: readonly string[],
  env: NodeJS.ProcessEnv,
  spec: Pick<VmSpec, 'name' | 'services'>,
  cwd: string,
): ChosenComponents {
  const names = componentNames(spec);
  const chosen = new Map<string, string>();
  for (const name of names) {
    const path = env[componentVariable(name)];
    if (path) chosen.set(name, resolve(cwd, path));
  }
  for (const option of options) {
    const [, name, path] = /^([^=]+)=(.+)$/s.exec(option) ?? [];
    if (name === undefined || path === undefined) {
      throw new VmkitError('usage', 'bad-usage', `--component ${option}: expected NAME=PATH.`, {
        hint: `For example --component ${names[0] ?? 'forgejo'}=./forgejo`,
      });
    }
    if (!names.includes(name)) {
      throw new VmkitError('usage', 'component-unknown', `The machine ${spec.name} has no component ${name}.`, {
        hint: names.length === 0 ? 'None of its services needs one.' : `It has ${names.join(', ')}.`,
      });
    }
    chosen.set(name, resolve(cwd, path));
  }
  return chosen;
}
