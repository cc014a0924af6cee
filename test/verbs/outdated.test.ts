import { expect, test } from 'vitest';
import { outdatedText } from '../../src/cli/commands/change/outdated.ts';
import { forgejo } from '../../src/spec/services/forgejo/forgejo.ts';
import { postgres } from '../../src/spec/services/postgres/postgres.ts';
import { parseSimulation } from '../../src/verbs/outdated/newer-packages.ts';
import { dataChanges } from '../../src/verbs/outdated/outdated.ts';
import { specWith } from '../support/spec.ts';

const SIMULATED = `NOTE: This is only a simulation!
Inst libc6 [2.41-12] (2.41-12+deb13u1 Debian:13.1/stable [amd64])
Inst openssl [3.5.1-1] (3.5.1-1+deb13u1 Debian-Security:13/stable-security [amd64])
Inst libnew1 (1.0-1 Debian:13.1/stable [amd64]) []
Conf libc6 (2.41-12+deb13u1 Debian:13.1/stable [amd64])
Remv libold1 [0.9-1]
`;
const changes = [
  { name: 'libc6', from: '2.41-12', to: '2.41-12+deb13u1', isSecurity: false },
  { name: 'openssl', from: '3.5.1-1', to: '3.5.1-1+deb13u1', isSecurity: true },
  { name: 'libnew1', to: '1.0-1', isSecurity: false },
];

test("apt's simulation says what would change, and what of it is a security update", () => {
  expect(parseSimulation(SIMULATED)).toEqual(changes);
});

test('what an upgrade would change: versions that do not fit together', () => {
  const spec = specWith('forge', [postgres.create({}), forgejo.create({})]);
  expect(dataChanges({ postgres: 15, forgejo: '11.0.6' }, spec, '15.0.3')).toEqual([
    { of: 'PostgreSQL', from: '15', to: '17' },
    { of: 'Forgejo', from: '11.0.6', to: '15.0.3' },
  ]);
  expect(dataChanges({ postgres: 17, forgejo: '15.0.1' }, spec, '15.0.3')).toEqual([]);
  expect(dataChanges({ postgres: undefined, forgejo: undefined }, spec, '15.0.3')).toEqual([]);
});

test('for people each thing comes with the command for it', () => {
  const text = outdatedText({
    name: 'forge',
    suite: 'trixie',
    root: { builtAt: '2026-01-01T00:00:00.000Z', changes },
    kernel: { is: "Linux 6.12.48+deb13-cloud-amd64, Debian's, signed", newer: '6.12.57+deb13-cloud-amd64' },
    components: [{ name: 'forgejo', version: '15.0.3' }],
    data: [{ of: 'PostgreSQL', from: '15', to: '17' }],
  });
  expect(text).toContain('3 packages of its root are newer in Debian trixie, 1 of them security updates');
  expect(text).toContain('vmkit build-image forge --rebuild');
  expect(text).toContain('6.12.57+deb13-cloud-amd64 is there');
  expect(text).toContain('vmkit upgrade forge');
});
