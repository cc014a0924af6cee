/** An IPv4 address as /proc/net/tcp has it on a little-endian processor: 192.168.100.2 is `0264A8C0`. */
export function procAddress(address: string): string {
  const bytes = address.split('.').map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, '0'));
  return bytes.reverse().join('');
}

/** A port as the tables of /proc/net have it (proc_pid_net(5)): 22 is `0016`. */
export function procPort(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}
