/** A port as the tables of /proc/net have it (proc_pid_net(5)): 22 is `0016`. */
export function procPort(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}
