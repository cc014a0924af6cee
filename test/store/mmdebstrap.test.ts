import { expect, test } from 'vitest';
import { explainMmdebstrap } from '../../src/store/mmdebstrap.ts';

// The ends of real runs.
test.each([
  [
    'debian-unreachable',
    "W: Failed to fetch http://mirror/dists/trixie/InRelease  Temporary failure resolving 'mirror'\nE: apt-get update failed",
  ],
  [
    'debian-signature',
    "W: GPG error: http://mirror trixie InRelease: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 6ED0\nE: The repository is not signed.",
  ],
  ['package-unknown', 'E: Unable to locate package postgresl-17\nE: apt-get failed'],
  ['disk-full', 'dpkg-deb: error: failed to write: No space left on device'],
  ['user-namespaces', 'E: invalid number of entries in /etc/subuid for user'],
  ['mmdebstrap-failed', 'E: something new'],
])('%s', (code, output) => {
  const error = explainMmdebstrap('Building the root', output);
  expect(error.code).toBe(code);
  expect(error.message).toContain(output.split('\n').at(-1));
  expect(error.hint).toBeTruthy();
});
