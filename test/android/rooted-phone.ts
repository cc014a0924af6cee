import { parseSubnet } from '../../src/core/addresses/ipv4.ts';
import type { VmSpec } from '../../src/spec/vm-spec.ts';
import { specWith } from '../support/spec.ts';

/** The address of the machine `sql` on a rooted phone of the lab, and what the phone is set up with for it. */
export const GUEST = '192.168.100.2';
export const NETWORK = {
  name: 'vmkit',
  bridge: 'vmkit0',
  subnet: parseSubnet('192.168.100.0/24') ?? { base: 0, bits: 0 },
  egress: 'phone' as const,
  taps: [{ name: 'sql', meetsOthers: false }],
};
export const sql: VmSpec = { ...specWith('sql', []), dataMib: 16, network: { kind: 'bridge', address: GUEST } };
