import type { Host, HostProcess } from '../../../host/host.ts';
import { MEMORY_FILE } from './launch-script.ts';

/**
 * Reached through the process, as no folder has such a file (proc_pid_fd(5)). Where the process has ended its memory is gone, too. Where root may not look into
 * others (CAP_SYS_PTRACE, as in some containers) the memory stays as long as the monitor does.
 */
const ZERO = `for fd in /proc/"$1"/fd/*; do
  case $(readlink "$fd" 2>/dev/null) in
    "$2".*' (deleted)')
      size=$(stat -L -c %s "$fd") && dd if=/dev/zero of="$fd" bs="$size" count=1 conv=notrunc 2>/dev/null ;;
  esac
done
:`;

/** Overwrites the memory of the secrets that the monitor has open with zeros: it reads zeros from then on. */
export async function zeroSecrets({ pid }: HostProcess, host: Host): Promise<void> {
  await host.exec(['sh', '-c', ZERO, 'sh', String(pid), MEMORY_FILE], { withinMs: 30_000 });
}
