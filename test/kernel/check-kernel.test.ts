import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { command } from '../../src/cli/commands/build/check-kernel.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const CONFIG = [
  '# Linux/x86 6.1.100 Kernel Configuration',
  'CONFIG_CC_VERSION_TEXT="gcc (Debian 12.2.0-14) 12.2.0"',
  'CONFIG_X86_64=y',
  'CONFIG_MODULES=y',
  'CONFIG_INET=y',
  'CONFIG_IPV6=m',
  'CONFIG_WIREGUARD=m',
  '# CONFIG_IP_ADVANCED_ROUTER is not set',
  '',
].join('\n');

const HAVE = Array.from({ length: 12 }, (_, at) => `CONFIG_HAVE_ARCH_${at}=y\n`).join('');

const PARTS = {
  fragment: 'CONFIG_TUN=y\nCONFIG_WIREGUARD=y\n',
  // A heading may be copied, and a choice may be called HAVE.
  defconfig: '# Linux/x86 6.12.9 Kernel Configuration\nCONFIG_X86_64=y\n# CONFIG_HAVE_AOUT is not set\n',
  empty: '# CONFIG_TUN is not set\n',
  // Of a kernel before 4.18, without its comments.
  'without-comments': `CONFIG_X86_64=y\n${HAVE}`,
};

async function check(target: string, profile: string[] = []) {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'old.config'), CONFIG);
  for (const [name, text] of Object.entries(PARTS)) await writeFile(join(folder, `${name}.config`), text);
  const context = contextIn(folder);
  const path = target.endsWith('.config') ? join(folder, target) : target;
  const result = await command.run({ target: path, profile, live: false }, context);
  return { text: `${command.text(result).replace(folder, '')}\n`, exitCode: command.exitCode?.(result) };
}

describe('vmkit check-kernel', () => {
  test('tells what a kernel lacks and why, and ends with 4', async () => {
    const { text, exitCode } = await check('old.config', ['wireguard', 'postgres']);
    expect(exitCode).toBe(4);
    await expect(text).toMatchFileSnapshot('../golden/check-kernel.txt');
  });

  test('a part of a configuration gets no verdict', async () => {
    for (const name of ['fragment', 'defconfig', 'empty'])
      await expect(check(`${name}.config`)).rejects.toMatchObject({ code: 'kernel-config-partial', exitCode: 2 });
    const { text, exitCode } = await check('without-comments.config', ['avf']);
    expect({ exitCode, clock: /RTC_DRV/.test(text), lacks: text.includes('VIRTIO_BLK') }).toEqual({
      exitCode: 4,
      // x86 reads its clock without a driver.
      clock: false,
      lacks: true,
    });
  });

  test('a file that is not there, a machine that is not there, a profile that is not there', async () => {
    await expect(check('none.config')).rejects.toMatchObject({ code: 'kernel-missing', exitCode: 2 });
    await expect(check('/dev/zero')).rejects.toMatchObject({ code: 'not-a-file' });
    await expect(check('/tmp')).rejects.toMatchObject({ code: 'not-a-file' });
    await expect(check('nobody')).rejects.toMatchObject({ code: 'unknown-machine', exitCode: 2 });
    await expect(check('old.config', ['mysql'])).rejects.toMatchObject({ code: 'unknown-profile', exitCode: 2 });
  });
});
