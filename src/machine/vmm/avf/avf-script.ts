import { quoteWord, shellCommand } from '../../../core/text/shell-quote.ts';
import type { Launch } from '../launch/launch-script.ts';
import { LOG_LIMITS, type Logs } from '../launch/recorder.ts';
import { AVF_FILES, PIPES } from './avf-place.ts';

/** How `vm run` comes to run. Paths are absolute. */
export interface AvfLaunch extends Pick<Launch, 'argv' | 'logs' | 'folder' | 'inputBytes'> {
  readonly lock: NonNullable<Launch['lock']>;
  /** The file that `vm run` reads (config.ts). */
  readonly config: string;
  readonly consoleSocket: string;
}

/**
 * A script for /system/bin/sh (mksh) that becomes `vm run`. Until the lock is ours nothing of a machine that runs is touched. What the guest says comes by pipes without a name, made
 * by mksh's co-processes (`|&`, one at a time: it is free for the next once `p` was moved to a number): a FIFO in a folder has a label that crosvm may not write to, a pipe has the one of adb's shell. mksh gives programs a descriptor above
 * 2 only where they are told to have it (`9<&9`), and its `ulimit -f` counts 512 bytes.
 */
export function avfScript({ argv, config, logs, lock, folder, inputBytes, consoleSocket }: AvfLaunch): string {
  const { secrets, config: configName, input, pid } = AVF_FILES;
  return `umask 077
export PATH=/system/bin
${LET_GO}
${RECORD}
${beside(logs, consoleSocket)}
exec 9<${quoteWord(lock.path)} || exit 1
flock -n 9 9<&9 || { echo 'Another monitor runs this machine.' >&2; exit 1; }
rm -f ${files(logs, ['console', 'events'])}
read -r stat </proc/$$/stat
set -- \${stat##*) }
print -r -- "{\\"pid\\":$$,\\"startTime\\":\${20},"${quoteWord(JSON.stringify(lock.record).slice(1))} >${quoteWord(lock.path)}
rm -rf ${quoteWord(folder)}
mkdir -p ${quoteWord(folder)} && cd ${quoteWord(folder)} || exit 1
cat >${secrets}
[ "$(stat -c %s ${secrets})" = ${inputBytes} ] || { echo 'vmkit was killed before the machine had its secrets.' >&2; exit 1; }
print -rn -- ${quoteWord(config)} >${configName}
echo $$ >${pid}
mkfifo ${input}
cat <>${input} 9<&- |&
typing=$!
exec 0<&p 3>&p
exec 3>&-
${record(logs, 'console')}
exec ${PIPES.console}>&p
${record(logs, 'events')}
exec ${PIPES.events}>&p
${record(logs, 'monitor')}
exec ${PIPES.monitor}>&p
beside $$ $typing </dev/null >/dev/null 2>&1 &
exec ${shellCommand(argv)} >&6 2>&6 4>&4 5>&5 6>&- 9<&9
`;
}

/** By `exec`: with a redirection of a function mksh keeps a copy, to put it back. */
const LET_GO = 'let_go() { exec 4>&- 5>&- 6>&- 9<&-; }';

/** A log is begun anew where it is full; as much again is kept beside it. */
const RECORD = `record() {
  let_go
  trap '' XFSZ
  rm -f "$1" "$1.1"
  : >"$1.pipe"
  until (ulimit -f "$2"; exec cat >"$1"); do
    [ -e "$1" ] || exec cat >/dev/null
    [ ! -s "$1" ] || mv -f "$1" "$1.1"
  done
  rm -f "$1.pipe"
}`;

function record(logs: Logs, kind: keyof Logs): string {
  return `record ${quoteWord(logs[kind])} ${LOG_LIMITS[kind] / 512} >/dev/null 2>&1 |&`;
}

/** Until the process $1 has ended, whoever looks at the console's socket is joined to it; then $2, which passes on what is typed, ends as well. */
function beside(logs: Logs, socket: string): string {
  const { input } = AVF_FILES;
  const joined = `tail -c 0 -f ${quoteWord(logs.console)} & cat >${input}; kill $!`;
  return `beside() {
  let_go
  nc -U -s ${quoteWord(socket)} -L sh -c ${quoteWord(joined)} &
  while kill -0 "$1"; do sleep 0.5; done
  kill $! "$2"
  rm -f ${quoteWord(socket)}
}`;
}

function files(logs: Logs, kinds: readonly (keyof Logs)[]): string {
  return kinds
    .flatMap((kind) => [logs[kind], `${logs[kind]}.1`])
    .map(quoteWord)
    .join(' ');
}
