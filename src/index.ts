/** vmkit for programs: docs/library.md. */
export { VmkitError } from './core/errors/errors.ts';
export type { Paths } from './core/paths.ts';
export type { Progress, Report } from './core/progress.ts';
export { type ContextOptions, contextOn, createContext } from './library/context.ts';
export { boot, build, status, stop } from './library/machines.ts';
export type {
  BootedMachine,
  BuiltFiles,
  Exposed,
  MachineStatus,
  Port,
  ServiceStatus,
  StoppedMachine,
  TakenBack,
} from './library/results.ts';
export {
  type ExposeOptions,
  expose,
  type ProbeOptions,
  probe,
  type ServiceOptions,
  unexpose,
} from './library/ways-in.ts';
export type { ProbeReport } from './reach/report.ts';
export { loadVm } from './spec/read/load.ts';
export type { VmSpec } from './spec/vm-spec.ts';
export type { VerbContext as Context } from './verbs/step.ts';
