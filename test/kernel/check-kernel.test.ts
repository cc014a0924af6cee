import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { command } from '../../src/cli/commands/check-kernel.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const CONFIG = [
  '# Linux/x86 6.1.100 Kernel Configuration',
  'CONFIG_X86_64=y',
  'CONFIG_MODULES=y',
  'CONFIG_INET=y',
  'CONFIG_IPV6=m',
  'CONFIG_WIREGUARD=m',
  '# CONFIG_IP_ADVANCED_ROUTER is not set',
  '',
].join('\n');

async function check(target: string, profile: string[] = []) {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'old.config'), CONFIG);
  const context = contextIn(folder);
  const path = target.endsWith('.config') ? join(folder, target) : target;
  const result = await command.run({ target: path, profile }, context);
  return { text: `${command.text(result).replace(folder, '')}\n`, exitCode: command.exitCode?.(result) };
}

describe('vmkit check-kernel', () => {
  test('tells what a kernel lacks and why, and ends with 4', async () => {
    const { text, exitCode } = await check('old.config', ['wireguard', 'postgres']);
    expect(exitCode).toBe(4);
    await expect(text).toMatchFileSnapshot('../golden/check-kernel.txt');
  });

  test('a file that is not there, a machine that is not there, a profile that is not there', async () => {
    await expect(check('none.config')).rejects.toMatchObject({ code: 'kernel-missing', exitCode: 2 });
    await expect(check('/dev/zero')).rejects.toMatchObject({ code: 'not-a-file' });
    await expect(check('/tmp')).rejects.toMatchObject({ code: 'not-a-file' });
    await expect(check('nobody')).rejects.toMatchObject({ code: 'unknown-machine', exitCode: 2 });
    await expect(check('old.config', ['mysql'])).rejects.toMatchObject({ code: 'unknown-profile', exitCode: 2 });
  });
});
