import type { DescribedPort } from '../../description.ts';

/** `adb` words that open a port of this computer which leads to a machine's, by vsock: adbd may connect where apps may not (sepolicy, adbd_common.te). */
export function vsockForwardArgv(hostPort: number, cid: number, guestPort: number): string[] {
  return ['forward', `tcp:${hostPort}`, `vsock:${cid}:${guestPort}`];
}

/** `vm list` prints Rust's debug form of each machine (vm/src/main.rs, command_list): the address on vsock is its field `cid`. Undefined where no machine has the name. */
export function cidOf(name: string, vmList: string): number | undefined {
  const machines = vmList.split(/VirtualMachineDebugInfo\s*\{/).slice(1);
  const found = machines.find((text) => new RegExp(`\\bname: "${name}"`).test(text));
  const cid = /\bcid: (\d+)/.exec(found ?? '')?.[1];
  return cid === undefined ? undefined : Number(cid);
}

/** What reaches no port over vsock, which has streams only. */
export function unreachablePorts(ports: readonly DescribedPort[]): readonly DescribedPort[] {
  return ports.filter(({ protocol }) => protocol === 'udp');
}
