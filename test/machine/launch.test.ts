import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { type Launch, launchScript } from '../../src/machine/vmm/launch/launch-script.ts';
import { openFiles, qemuArgv } from '../../src/machine/vmm/qemu/argv.ts';
import { plan } from './plan.ts';

const launch: Launch = {
  argv: qemuArgv(plan),
  files: openFiles(plan),
  logs: plan.logs,
  folder: "/state/it's/run",
  user: undefined,
  lock: { path: '/data/sql/power.lock', record: { name: 'sql', stateDir: "/state/it's" } },
  inputBytes: 1024,
};

test.each([
  ['user', launch],
  ['root-kvm', { ...launch, argv: qemuArgv({ ...plan, accelerator: 'kvm' }), user: { id: 60_800, group: 104 } }],
  ['root-trial', { ...launch, user: { id: 60_800, group: undefined }, lock: undefined, files: [], argv: ['qemu'] }],
])('the script for %s', async (name, each) => {
  const script = launchScript(each);
  await expect(script).toMatchFileSnapshot(`../golden/launch/${name}.sh`);
  await promisify(execFile)('bash', ['-n', '-c', script]);
});
