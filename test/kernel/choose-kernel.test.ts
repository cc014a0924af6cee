import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Json } from '../../src/core/digest.ts';
import { chooseKernel, chosenArtifact, toolsOfKernel } from '../../src/kernel/choose-kernel.ts';
import { rememberPulledKernel } from '../../src/kernel/pulled-kernel.ts';
import { ensureArtifact, findArtifact } from '../../src/store/store.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const AUTO = { arch: 'x86_64', kernel: { kind: 'auto' } } as const;
const OWN = { kind: 'vmkit', profile: 'default', fragments: [] } as const;

test("where no kernel was built, auto is Debian's; nobody is asked, and no compiler is needed", async () => {
  const context = contextIn(await temporaryFolder());
  const host = { ...context.host, exec: () => Promise.reject(new Error('nothing runs')) };
  expect(await chooseKernel(AUTO, { ...context, host })).toEqual({ kind: 'debian' });
  expect(await toolsOfKernel(AUTO, { ...context, host })).toEqual(['modules']);
});

test('what a definition insists on is taken, whatever is built', async () => {
  const context = contextIn(await temporaryFolder());
  expect(await chooseKernel({ ...AUTO, kernel: OWN }, context)).toEqual(OWN);
  expect(await toolsOfKernel({ ...AUTO, kernel: OWN }, context)).toEqual(['kernel', 'kernel-x86_64']);
  expect(await toolsOfKernel({ ...AUTO, kernel: { kind: 'path', path: '/boot' } }, context)).toEqual(['modules']);
});

test('a definition that was pulled has the kernel that came with it, without a compiler, until somebody changes a letter', async () => {
  const directory = await temporaryFolder();
  const context = contextIn(directory);
  const write = (text: string): Promise<void> => context.host.write(join(directory, 'vm.yaml'), text);
  const pushed = { kind: 'kernel', title: 'kernel of elsewhere', inputs: { gcc: 'another' } };
  const build = async (folder: string): Promise<Json> => {
    await context.host.write(join(folder, 'vmlinux'), 'kernel');
    return {};
  };
  const built = await ensureArtifact({ ...pushed, build }, context);
  await write('name: sql\n');
  await rememberPulledKernel('name: sql\n', `kernel-${built.key}`, context);
  const host = { ...context.host, exec: () => Promise.reject(new Error('nothing runs')) };
  const here = { ...context, host };
  for (const kernel of [AUTO.kernel, OWN]) {
    const spec = { ...AUTO, kernel, directory };
    const chosen = await chooseKernel(spec, here);
    expect(chosen.kind).toBe('pulled');
    const found = await findArtifact(await chosenArtifact(chosen, 'x86_64', here), here);
    expect(found?.directory).toBe(built.directory);
    expect(await toolsOfKernel(spec, here)).toEqual([]);
  }
  expect(await chooseKernel({ ...AUTO, kernel: { kind: 'debian' }, directory }, here)).toEqual({ kind: 'debian' });
  await write('name: sql # other\n');
  expect(await chooseKernel({ ...AUTO, directory }, here)).toEqual({ kind: 'debian' });
});
