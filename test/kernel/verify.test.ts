import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { messageOf } from '../../src/core/errors/errors.ts';
import { mergeFragments, type Request } from '../../src/kernel/fragments.ts';
import { readKconfigTree } from '../../src/kernel/kconfig/tree.ts';
import { type ConfigProblem, checkDefined, refuseProblems, verifyConfig } from '../../src/kernel/verify.ts';

const tree = readKconfigTree(join(import.meta.dirname, 'fixtures/kconfig'), 'x86_64');

const requests = (text: string): readonly Request[] =>
  mergeFragments([{ file: 'my.config', text, isUsers: true }]).requests;

function refusal(problems: readonly ConfigProblem[]): string {
  try {
    refuseProblems(problems);
  } catch (error) {
    return messageOf(error);
  }
  return 'nothing to refuse';
}

/** What the requests are told, when Kconfig made `final` of them. */
const verified = (asked: string, final: string): string => refusal(verifyConfig(requests(asked), final, tree));

describe('requests that the tree cannot fulfil', () => {
  test('are all told, with the replacement, the other architecture, or what was meant', async () => {
    const asked = [
      'CONFIG_IP_ROUTE_FWMARK=y',
      '# CONFIG_NFT_COUNTER is not set',
      'CONFIG_ARM_CLOCK=y',
      'CONFIG_EROFS_F=y',
      'CONFIG_UTTERLY_UNKNOWN=y',
      'CONFIG_BLOCK=m',
      'CONFIG_NR_CPUS=y',
      'CONFIG_NAME=64',
      'CONFIG_START=0x10',
      'CONFIG_EROFS_FS=m',
    ].join('\n');
    await expect(`${refusal(checkDefined(requests(asked), tree))}\n`).toMatchFileSnapshot(
      '../golden/kernel-config/undefined.txt',
    );
  });
});

describe('requests that were lost', () => {
  test('the chain of dependencies is told down to what nobody asks for', () => {
    expect(verified('CONFIG_EROFS_FS_ZIP=y', 'CONFIG_BLOCK=y\n')).toBe(
      [
        'The kernel would lack 1 request.',
        'my.config:1: EROFS_FS_ZIP=y became n',
        '  needs MISC_FILESYSTEMS=y (fs/Kconfig:11), which is n (nothing asks for it)',
        '  needs EROFS_FS=y (fs/Kconfig.erofs:10), which is n',
        '    needs MISC_FILESYSTEMS=y (fs/Kconfig:11), which is n (see above)',
      ].join('\n'),
    );
  });

  test('what is there and does nothing alone is told, with its partner and where that was read', () => {
    const final = 'CONFIG_BLOCK=y\nCONFIG_VSOCKETS=y\nCONFIG_NFT_LOG=y\n';
    expect(verified('CONFIG_BLOCK=y\nCONFIG_VSOCKETS=y', final)).toBe(
      [
        'The kernel would lack 1 request.',
        'my.config:2: CONFIG_VSOCKETS=y does nothing alone: a socket has no way (ENODEV)',
        '  needs VIRTIO_VSOCKETS or VSOCKETS_LOOPBACK or VMWARE_VMCI_VSOCKETS or HYPERV_VSOCKETS or ... (net/vmw_vsock/af_vsock.c (vsock_assign_transport))',
      ].join('\n'),
    );
    expect(verified('CONFIG_BLOCK=y', final)).toBe('nothing to refuse');
  });

  test('what is there is not told', () => {
    const final = 'CONFIG_BLOCK=y\nCONFIG_NR_CPUS=16\nCONFIG_NAME="me"\nCONFIG_START=0x10\n';
    expect(
      verified(
        'CONFIG_BLOCK=y\nCONFIG_NR_CPUS=16\nCONFIG_NAME="me"\nCONFIG_START=0x010\n# CONFIG_SMP is not set',
        final,
      ),
    ).toBe('nothing to refuse');
  });

  test.each([
    ['=m without modules', 'CONFIG_EROFS_FS=m', 'CONFIG_EROFS_FS=y\n'],
    [
      'm where y was asked for',
      'CONFIG_EROFS_FS=y',
      'CONFIG_MODULES=y\nCONFIG_EROFS_FS=m\nCONFIG_BLOCK=y\nCONFIG_MISC_FILESYSTEMS=y\n',
    ],
    ['=n that something selects', '# CONFIG_FORCED is not set', 'CONFIG_X86=y\nCONFIG_BLOCK=y\nCONFIG_FORCED=y\n'],
    [
      '=n that nobody may ask for',
      '# CONFIG_VISIBLE_TO_EXPERTS is not set',
      'CONFIG_BLOCK=y\nCONFIG_VISIBLE_TO_EXPERTS=y\n',
    ],
    ['the other member of a choice', 'CONFIG_PACK_LZ4=y', 'CONFIG_PACK_GZIP=y\n'],
    ['a symbol without a prompt', 'CONFIG_HIDDEN_HELPER=y', ''],
    ['one of several needs', 'CONFIG_NEEDS_HELPER=y', 'CONFIG_HAVE_FAST_PATH=y\n'],
    ['what must be off', 'CONFIG_QUIET=y', 'CONFIG_X86=y\nCONFIG_BLOCK=y\nCONFIG_FORCED=y\n'],
    ['what the compiler refuses', 'CONFIG_FLAGGED=y', ''],
    ['a ring', 'CONFIG_RING_A=y', ''],
    ['a number outside of its range', 'CONFIG_NR_CPUS=128', 'CONFIG_SMP=y\nCONFIG_NR_CPUS=64\n'],
    ['a number that nobody may ask for', 'CONFIG_NR_CPUS=128', 'CONFIG_NR_CPUS=8\n'],
    ['a text', 'CONFIG_NAME="me"', 'CONFIG_NAME="x86"\n'],
    [
      'an own request that forbids another',
      'CONFIG_EROFS_FS=y\n# CONFIG_MISC_FILESYSTEMS is not set',
      'CONFIG_BLOCK=y\n',
    ],
  ])('%s', async (what, asked, final) => {
    const file = `../golden/kernel-config/${what.replace(/\W+/g, '-').replace(/^-/, '')}.txt`;
    await expect(`${verified(asked, final)}\n`).toMatchFileSnapshot(file);
  });
});
