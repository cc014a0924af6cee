import { expect, test } from 'vitest';
import { withWorldOf } from '../../../src/machine/world-there.ts';
import { wireguard } from '../../../src/spec/services/wireguard.ts';
import type { VmSpec } from '../../../src/spec/vm-spec.ts';
import { contextIn } from '../../support/context.ts';
import { specWith } from '../../support/spec.ts';

/** A host behind ssh with these programs. */
function elsewhere(node: boolean) {
  const context = contextIn('/nowhere');
  const exec = async () => ({ exitCode: 0, stdout: 'v20.19.0\n', stderr: '' });
  const programs = async () => new Set(node ? ['node'] : []);
  return { ...context, host: { ...context.host, name: 'ssh://server', isHere: false, programs, exec } };
}

const plain = specWith('web', []);
const tunnel = specWith('web', [wireguard.create({})]);

test('without Node a machine gets no way out, which is told', async () => {
  const context = elsewhere(false);
  const { network } = await withWorldOf(plain, context);
  expect(network).toMatchObject({ world: 'none' });
  expect(context.progress).toMatchObject([{ text: expect.stringContaining('ssh://server has no Node') }]);
});

test('and one whose UDP port could not answer then is refused, unless its definition opens the host', async () => {
  await expect(withWorldOf(tunnel, elsewhere(false))).rejects.toMatchObject({ code: 'udp-needs-node' });
  expect((await withWorldOf(tunnel, elsewhere(true))).network).toMatchObject({ world: 'internet' });
  const open: VmSpec = { ...tunnel, network: { kind: 'user', world: 'host', hostAccess: [] } };
  expect((await withWorldOf(open, elsewhere(false))).network).toMatchObject({ world: 'host' });
});
