/** A place where a tailscaled may listen. */
export interface Candidate {
  readonly socket: string;
  /** How it was found: `process 412`, `the usual place`. */
  readonly foundBy: string;
  /** Undefined: a place, whose process nobody knows. */
  readonly pid: number | undefined;
  /** Where its own `tailscale` may lie beside it; undefined: nobody knows. */
  readonly folder: string | undefined;
}

/** Where tailscaled listens when nobody says otherwise (tailscale, paths/paths.go). */
const DEFAULT_SOCKET = '/var/run/tailscale/tailscaled.sock';

/**
 * Prints each tailscaled that runs in this network: a container's own, in another network namespace, is not this system's. Whose namespace may not be read is
 * taken for ours. Then the folders in which people put sockets, as this shell knows them. Reads /proc without a process for each entry.
 */
export const LOOK_FOR_DAEMONS = `own=$(readlink /proc/self/ns/net)
for p in /proc/[0-9]*; do
  read -r name 2>/dev/null <$p/comm || continue
  [ "$name" = tailscaled ] || continue
  net=$(readlink $p/ns/net 2>/dev/null) || net=$own
  [ "$net" = "$own" ] || continue
  echo "process \${p#/proc/}"
  echo "program $(readlink $p/exe 2>/dev/null)"
  echo "folder $(readlink $p/cwd 2>/dev/null)"
  tr '\\0' '\\n' 2>/dev/null <$p/cmdline | sed 's/^/argument /'
done
echo "place $XDG_RUNTIME_DIR"
echo "place \${XDG_STATE_HOME:-$HOME/.local/state}"
echo "place \${XDG_DATA_HOME:-$HOME/.local/share}"
`;

/** What that script printed, as places to ask, the likeliest first and each once. Pure. */
export function daemonCandidates(printed: string): readonly Candidate[] {
  const processes: Candidate[] = [];
  for (const block of printed.split(/^process /m).slice(1)) {
    const of = (word: string): string[] =>
      block.split('\n').flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []));
    const words = of('argument');
    // As it was called, which may be a link; else where it is.
    const [program = ''] = [...words.slice(0, 1), ...of('program')].filter((path) => path.startsWith('/'));
    const [folder = '/'] = of('folder');
    processes.push({
      socket: absolute(socketOf(words) ?? DEFAULT_SOCKET, folder),
      foundBy: `process ${block.split('\n')[0]}`,
      pid: Number.parseInt(block, 10),
      folder: program === '' ? undefined : program.slice(0, program.lastIndexOf('/')),
    });
  }
  const folders = [...printed.matchAll(/^place (\/.*)$/gm)].map(([, folder = '']) => folder);
  const places = [
    '/run/tailscale/tailscaled.sock',
    DEFAULT_SOCKET,
    ...folders.map((folder) => `${folder}/tailscale/tailscaled.sock`),
    '/tmp/tailscaled.sock',
    '/var/snap/tailscale/common/socket/tailscaled.sock',
  ].map((socket) => ({ socket, foundBy: 'a usual place', pid: undefined, folder: undefined }));
  return [...processes, ...places].filter(
    ({ socket }, at, all) => all.findIndex((each) => realName(each.socket) === realName(socket)) === at,
  );
}

/** `--socket=PATH`, `-socket PATH`, as Go's flags are written. */
function socketOf(words: readonly string[]): string | undefined {
  return words
    .flatMap((word, at) => {
      const [, value] = /^--?socket(?:=(.*))?$/.exec(word) ?? [];
      if (value !== undefined) return [value];
      return /^--?socket$/.test(word) ? words.slice(at + 1, at + 2) : [];
    })
    .at(-1);
}

function absolute(path: string, folder: string): string {
  return path.startsWith('/') ? path : `${folder}/${path}`;
}

/** /var/run is a link to /run on every system of today. */
function realName(path: string): string {
  return path.replace(/^\/var\/run\//, '/run/');
}
