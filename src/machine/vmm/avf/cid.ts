/**
 * The address on vsock of a machine, as `vm run` tells it once: `Created VM from "vm.json" with CID 2050, state is STARTING.` (vm/src/run.rs, all releases). Undefined before
 * that.
 */
export function cidIn(monitorLog: string): number | undefined {
  const cid = /\bwith CID (\d+)/.exec(monitorLog)?.[1];
  return cid === undefined ? undefined : Number(cid);
}
