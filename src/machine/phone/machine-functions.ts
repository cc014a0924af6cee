import { GUEST } from '../../core/guest-paths.ts';
import { BACKOFF, EXIT_CODES } from './exit.ts';
import { MACHINE_FILES as FILES } from './places.ts';

/** Seconds for the guest to power off by itself, and for crosvm to end when it is told to. */
export const STOP = { guestS: 60, crosvmS: 10 } as const;

/** The part of the supervisor that sees to one machine: in its folder, as a process of its own, until the machine is to be off and is. */
export function machineFunctions(): string {
  return `# machine NAME: starts it, again and again if need be. Whoever has its lock sees to it, and its crosvm has the lock too: after kill -9 of this shell no second one starts.
machine() {
  cd "machines/$1" || exit 1
  name=$1
  exec 8>lock
  flock -n 8 8>&8 || exit 0
  rm -f ${FILES.booted} pid
  memory=
  [ ! -e ${FILES.memory} ] || read -r memory <${FILES.memory}
  fails=0
  while is_wanted; do
    if ! may_start; then
      sleep 1
      continue
    fi
    rm -f ${FILES.events}.1 ${FILES.ended}
    : >${FILES.events}
    [ -p ${FILES.input} ] || { rm -f ${FILES.input}; mkfifo ${FILES.input}; }
    exec 6<>${FILES.input}
    began=$(seconds)
    /system/bin/sh ./${FILES.start} 8>&8 </dev/null >>${FILES.monitor} 2>&1 &
    pid=$!
    echo "$pid" >pid
    beside=
    if [ -e ${FILES.beside} ]; then
      /system/bin/sh ./${FILES.beside} "$pid" </dev/null >>${FILES.monitor} 2>&1 &
      beside=$!
    fi
    attend
    wait "$pid"
    code=$?
    [ -z "$beside" ] || wait "$beside"
    rm -f ${FILES.booted} pid
    [ $(($(seconds) - began)) -lt ${BACKOFF.forgivenAfterS} ] || fails=0
    after "$code"
  done
  say "$name is off"
}

is_wanted() {
  [ -e ${FILES.wanted} ] && read -r state <${FILES.wanted} && [ "$state" = on ]
}

# may_start: what it needs has booted, its secrets are there, its TAP is a port of a bridge (crosvm would make one that is not), and no crosvm has its socket.
may_start() {
  if [ -e ${FILES.needs} ]; then
    while read -r need; do [ -e "../$need/${FILES.booted}" ] || { why "waits for $need"; return 1; }; done <${FILES.needs}
  fi
  if [ -n "$memory" ] && [ ! -e "$memory" ]; then
    why "its secrets are gone: they were in the phone's memory. vmkit boot $name gives them again"
    return 1
  fi
  if [ -e ${FILES.tap} ]; then
    read -r tap <${FILES.tap}
    [ -e "/sys/class/net/$tap/master" ] || { why "its TAP $tap is not there, or a port of no bridge"; return 1; }
  fi
  if [ -S ${FILES.socket} ]; then
    ! grep -q " $PWD/${FILES.socket}\\$" /proc/net/unix || { why 'a crosvm that is not this one has its socket'; return 1; }
    rm -f ${FILES.socket}
  fi
  reason=
}

# why REASON: says it once.
why() {
  [ "$reason" = "$1" ] || say "$name: $1"
  reason=$1
}

# attend: until it has ended. Says when the guest has booted, keeps the logs short, and stops it when it is to be off.
attend() {
  asked='' since=''
  while kill -0 "$pid" 2>/dev/null; do
    if [ ! -e ${FILES.booted} ] && grep -q '"event":"booted"' ${FILES.events}; then
      : >${FILES.booted}
      say "$name has booted"
    fi
    for each in ${FILES.consoleLog} ${FILES.events} ${FILES.monitor}; do limit "$each"; done
    is_wanted || stop
    sleep 0.5
  done
}

# stop: by the guest's own root shell on the console; then by crosvm, which tells the guest nothing; then by force. Each in its turn, also on a phone that slept. A crosvm that a signal holds never answers.
stop() {
  waited=$(($(seconds) - \${since:-0}))
  case $asked in
    '')
      say "$name is asked to power off"
      asked=guest since=$(seconds)
      { echo; echo ${GUEST.powerOff}; } >&6 ;;
    guest)
      [ $waited -gt ${STOP.guestS} ] || return 0
      say "$name is told to end"
      asked=crosvm since=$(seconds)
      [ ! -e ${FILES.stop} ] || timeout -k 1 ${STOP.crosvmS} /system/bin/sh ./${FILES.stop} >>${FILES.monitor} 2>&1 ;;
    crosvm)
      [ $waited -gt ${STOP.crosvmS} ] || return 0
      say "$name is killed"
      asked=killed
      kill -9 "$pid" ;;
  esac
}

# after CODE: what crosvm's end means (--extended-status), and how long until the next start: longer each time.
after() {
  case $1 in
${Object.entries(EXIT_CODES)
  .map(([code, { means, after }]) => `    ${code}) means="${means}" then=${after} ;;`)
  .join('\n')}
    *)
      means="exit code $1" then=no
      [ "$1" -le 128 ] || means="signal $(($1 - 128))" then=again ;;
  esac
  is_wanted || then=off
  echo "$1 $then" >${FILES.ended}
  say "$name ended ($1): $means"
  case $then in
    again)
      delay=$((${BACKOFF.firstS} << fails))
      [ "$fails" -ge ${Math.log2(BACKOFF.lastS)} ] || fails=$((fails + 1))
      say "$name is started again in $delay s"
      until [ "$delay" -le 0 ] || ! is_wanted; do
        sleep 1
        delay=$((delay - 1))
      done ;;
    *)
      echo off >${FILES.wanted}
      [ -z "$memory" ] || rm -f "$memory" ;;
  esac
}
`;
}
