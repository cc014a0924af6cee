import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MODULE_NAMES } from '../../src/kernel/check/module-names.ts';
import { KERNEL_PURPOSES } from '../../src/kernel/check/requirements.ts';
import type { ChosenKernel } from '../../src/kernel/choose-kernel.ts';
import { requireKernel } from '../../src/kernel/require-kernel.ts';
import type { Built } from '../../src/store/artifact.ts';
import { contextIn } from '../support/context.ts';
import { ownService, specWith } from '../support/spec.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const OWN: ChosenKernel = { kind: 'vmkit', profile: 'small', fragments: [] };
const machine = specWith('web', [ownService({ name: 'vpn', kernelProfiles: ['wireguard'] })]);

/** A kernel with all that these profiles ask for, as modules where they can be; `without`: these files are missing. */
async function kernelWith(profiles: readonly (keyof typeof KERNEL_PURPOSES)[], without: string[] = []): Promise<Built> {
  const directory = await temporaryFolder();
  const symbols = profiles.flatMap((profile) =>
    KERNEL_PURPOSES[profile].requirements.map(({ anyOf: [first = ''] }) => first),
  );
  const lines = symbols.map((symbol) => `CONFIG_${symbol}=${symbol in MODULE_NAMES ? 'm' : 'y'}\n`);
  const modules = Object.values(MODULE_NAMES).filter((name) => !without.includes(name));
  await writeFile(join(directory, 'config'), `CONFIG_MODULES=y\n${lines.join('')}`);
  await writeFile(join(directory, 'modules.dep'), modules.map((name) => `kernel/${name}.ko:\n`).join(''));
  const manifest = {
    kind: 'kernel',
    title: 'kernel',
    key: '',
    inputs: {},
    facts: {},
    builtAt: '',
    durationMs: 0,
    outputs: {},
  };
  return { directory, key: '', manifest, cached: true };
}

describe('a kernel and the machine that it is for', () => {
  test('is enough with what the machine and its services need, as modules', async () => {
    const context = contextIn(await temporaryFolder());
    await requireKernel(machine, { kind: 'debian' }, await kernelWith(['machine', 'wireguard']), context);
    expect(context.progress).toEqual([]);
  });

  test.each([
    ['an option that is off', ['machine'], [], 'WIREGUARD: the tunnel itself'],
    ['a module whose file is missing', ['machine', 'wireguard'], ['wireguard'], 'WIREGUARD: the tunnel itself'],
    ['what every machine needs', ['wireguard'], [], 'OVERLAY_FS'],
  ] as const)('is refused for %s, with the reason', async (_what, profiles, without, message) => {
    const context = contextIn(await temporaryFolder());
    const kernel = await kernelWith(profiles, [...without]);
    await expect(requireKernel(machine, { kind: 'debian' }, kernel, context)).rejects.toMatchObject({
      code: 'kernel-unfit',
      message: expect.stringContaining(message),
    });
  });

  test('that the definition builds with less is told and tried, but not without what starts it', async () => {
    const context = contextIn(await temporaryFolder());
    await requireKernel(machine, OWN, await kernelWith(['machine']), context);
    expect(context.progress).toEqual([{ kind: 'note', text: expect.stringContaining('WIREGUARD') }]);
    await expect(requireKernel(machine, OWN, await kernelWith(['wireguard']), context)).rejects.toThrow('OVERLAY_FS');
    const limited = specWith('web', [ownService({ name: 'web', memoryMib: 64 })]);
    await expect(requireKernel(limited, OWN, await kernelWith(['machine']), context)).rejects.toThrow('MEMCG');
    await requireKernel(limited, OWN, await kernelWith(['machine', 'memory-limits']), context);
  });
});
