/** What the file of a control socket is: nobody's, a running crosvm's, or one that a killed crosvm left, which stops the next one (EADDRINUSE). */
export type SocketState = 'absent' | 'live' | 'left';

/**
 * By the kernel's own list (proc(5), /proc/net/unix), where a socket stands as long as somebody has it. To connect would tell the same, and would take the place
 * of who controls the machine. `path` is absolute, as crosvm was told it.
 */
export function socketState(path: string, exists: boolean, procNetUnix: string): SocketState {
  if (!exists) return 'absent';
  const isBound = procNetUnix.split('\n').some((line) => line.trim().split(/\s+/).slice(7).join(' ') === path);
  return isBound ? 'live' : 'left';
}
