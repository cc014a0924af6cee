import { MAIN, type Measure, median, seconds, time, vmkit } from './measure.ts';
import { autostart } from './measures/autostart.ts';
import { secondBackup } from './measures/backup.ts';
import { againstSystemd, forgejoBoot, powerOn, sqlBoot } from './measures/boot.ts';
import { changedOption, kernelBuild, rootImage, sizes } from './measures/build.ts';
import { conformance } from './measures/conformance.ts';
import { registry, underLibvirt } from './measures/export.ts';
import { faultKinds, faults } from './measures/faults.ts';
import { debianKernel, firstPage } from './measures/first.ts';
import { fuzzed } from './measures/fuzz.ts';
import { memory } from './measures/memory.ts';
import { kills, links, twoMachines } from './measures/network.ts';
import { recovery } from './measures/recovery.ts';
import { longSleep } from './measures/sleep.ts';
import { overSsh } from './measures/ssh.ts';
import { throughput } from './measures/throughput.ts';
import { ways } from './measures/ways.ts';
import { row } from './rows.ts';

const commandLine: Measure = {
  name: 'cli',
  run: async () => [
    row(
      'vmkit --help',
      await median(15, async () => (await time([process.execPath, MAIN, '--help'])).seconds),
      0.2,
      seconds,
      'whole process, median of 15',
    ),
    row(
      'no-op decision of boot',
      await median(15, async () => (await vmkit(['boot', 'sql', '--dry-run'])).seconds),
      0.5,
      seconds,
      'boot --dry-run, everything cached, whole process, median of 15',
    ),
  ],
};

export const MEASURES: readonly Measure[] = [
  firstPage,
  kernelBuild,
  sizes,
  powerOn,
  debianKernel,
  conformance,
  rootImage,
  changedOption,
  sqlBoot,
  againstSystemd,
  forgejoBoot,
  twoMachines,
  links,
  kills,
  ways,
  faults,
  faultKinds,
  fuzzed,
  memory,
  throughput,
  recovery,
  longSleep,
  overSsh,
  underLibvirt,
  registry,
  secondBackup,
  autostart,
  commandLine,
];
