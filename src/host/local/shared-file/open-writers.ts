import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename } from 'node:path';

/** O_WRONLY and O_RDWR in the octal flags of /proc/PID/fdinfo (proc_pid_fdinfo(5)). */
const WRITES = 0o3;

/**
 * Whether another process holds this file open for writing, as far as this user may see; it may still write then, under whatever name the file has. A file is
 * known by its last name first, so that no other file system is asked.
 */
export function isOpenForWriting(path: string): boolean {
  const file = statSync(path);
  const name = `/${basename(path)}`;
  return readdirSync('/proc').some((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid && holds(pid, name, file));
}

function holds(pid: string, name: string, { ino, dev }: { readonly ino: number; readonly dev: number }): boolean {
  return (
    quietly(() =>
      readdirSync(`/proc/${pid}/fd`).some(
        (fd) =>
          quietly(() => {
            if (
              !readlinkSync(`/proc/${pid}/fd/${fd}`)
                .replace(/ \(deleted\)$/, '')
                .endsWith(name)
            )
              return false;
            const open = statSync(`/proc/${pid}/fd/${fd}`);
            if (open.ino !== ino || open.dev !== dev) return false;
            const [, flags = '0'] = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')) ?? [];
            return (Number.parseInt(flags, 8) & WRITES) !== 0;
          }) === true,
      ),
    ) === true
  );
}

/** A process that ends meanwhile, or is another user's, says nothing. */
function quietly<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
