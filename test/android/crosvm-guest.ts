/**
 * A STAND-IN for crosvm on a phone of the lab, not crosvm. Its parser is as strict as the real one (main, August 2026): exit code 35 for what that does not take, 1 for what it does not find. What
 * then runs is `guest`, lines for mksh that find the machine in $name $memory $cpus $kernel $initrd $line $tap $mac $out $in $events, and a disk's file by `disk SERIAL`.
 */
export function crosvmWith(guest: string): string {
  return `#!/system/bin/sh
refuse() { echo "arg parsing failed: $1" >&2; exit 35; }
fail() { echo "exiting with error 1: $1" >&2; exit 1; }
keys() {
  for part in $(IFS=,; set -f; echo $2); do
    case " $1 " in *" \${part%%=*} "*) ;; *) refuse "unknown field \\\`\${part%%=*}\\\`" ;; esac
  done
}
value() { case ,$2, in *,$1=*) v=\${2#*$1=}; echo "\${v%%,*}" ;; esac; }
[ "$1" = --extended-status ] && shift
case $1 in
  stop) kill -9 "$(cat "$2.pid")" 2>/dev/null || fail "failed to connect to socket"; exit ;;
  version) echo 'a stand-in for crosvm'; exit ;;
  run) shift ;;
  *) refuse "invalid subcommand: $1" ;;
esac
blocks=
while [ $# -gt 0 ]; do
  case $1 in
    --disable-sandbox | --no-pmu | --no-balloon | --protected-vm-without-firmware) ;;
    --name) name=$2; shift ;;
    -c) cpus=$2; shift ;;
    -m) memory=$2; shift; case $memory in *[!0-9]*) refuse 'invalid characters for number' ;; esac ;;
    --swiotlb) shift ;;
    --block) keys 'path ro id' "$2"; blocks="$blocks $2"; shift ;;
    --net) keys 'tap-name mac' "$2"; tap=$(value tap-name "$2"); mac=$(value mac "$2"); shift ;;
    --vsock) keys cid "$2"; shift ;;
    --serial)
      keys 'type path hardware num console input' "$2"
      case $2 in
        *num=1*) out=$(value path "$2"); in=$(value input "$2") ;;
        *) events=$(value path "$2") ;;
      esac
      shift ;;
    -s) socket=$2; shift ;;
    -p) line=$2; shift ;;
    -i) initrd=$2; shift ;;
    -*) refuse "Unrecognized argument: $1" ;;
    *) [ -z "$kernel" ] || refuse 'expected one KERNEL'; kernel=$1 ;;
  esac
  shift
done
[ -e "$initrd" ] || fail "failed to open initrd $initrd: No such file or directory (os error 2)"
[ -e "$kernel" ] || fail "failed to open kernel $kernel"
disk() {
  for each in $blocks; do case $each in *id=$1) value path "$each" ;; esac; done
}
for each in $blocks; do [ -e "$(value path "$each")" ] || fail "failed to open disk $each"; done
echo $$ >"$socket.pid"
# The real one makes a TAP that is not there, and says nothing.
[ -z "$tap" ] || [ -e "/sys/class/net/$tap" ] || ip tuntap add dev "$tap" mode tap
${guest}`;
}

/** A guest that is nothing but what a guest says of itself; its ssh answers at this address. On its console it knows the words of a root shell that vmkit types. */
export function speakingGuest(address: string): string {
  return `grep -q the-secret "$(disk vmkit-secrets)" || fail 'no secret'
say() { echo "$1" >>"$events"; }
nc -s ${address} -p 22 -L echo SSH-2.0-stand-in </dev/null 8>&- 9<&- &
listener=$!
say '{"event":"phase","phase":"init","uptime":0.5}'
sleep 0.5
say '{"event":"phase","phase":"secrets","uptime":0.6}'
say '{"event":"start","service":"ssh","uptime":0.7}'
say '{"event":"ready","service":"ssh","uptime":0.8}'
sleep 0.5
say '{"event":"booted","uptime":1.0}'
echo 'a console' >>"$out"
end() { kill $listener; exit $1; }
while read -r word <&3; do
  echo "$word" >>"$out"
  case $word in
    */poweroff) say '{"event":"stopping","uptime":2.0}'; end 0 ;;
    reboot) end 32 ;;
  esac
done 3<>"$in"
`;
}

/** The same kernel and disks in QEMU, which runs in the mount namespace of the process \`outside\` and in the phone's network; \`data\`: the phone's /data out there. */
export function emulatedGuest(outside: number, data: string): string {
  return `there() { case $1 in /data/*) echo "${data}\${1#/data}" ;; *) echo "$1" ;; esac; }
exec 4<"$(disk vmkit-secrets)"
set -- -drive "if=none,id=secrets,format=raw,readonly=on,file=/proc/self/fd/4" -device virtio-blk-pci,drive=secrets,serial=vmkit-secrets
for each in $blocks; do
  serial=$(value id "$each")
  [ "$serial" != vmkit-secrets ] || continue
  mode=off
  case ,$each, in *,ro,*) mode=on ;; esac
  set -- "$@" -drive "if=none,id=$serial,format=raw,readonly=$mode,file=$(there "$(value path "$each")")" -device "virtio-blk-pci,drive=$serial,serial=$serial"
done
exec /usr/bin/busybox nsenter -t ${outside} -m /usr/bin/qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none -machine q35 -accel tcg,thread=multi,tb-size=128 -cpu max \\
  -m "$memory" -smp "$cpus" -kernel "$(there "$kernel")" -initrd "$(there "$initrd")" -append "$line no_timer_check" "$@" \\
  -netdev "tap,id=net0,ifname=$tap,script=no,downscript=no" -device "virtio-net-pci,netdev=net0,mac=$mac,romfile=" -device virtio-rng-pci \\
  -chardev stdio,id=console,signal=off -serial chardev:console -chardev "file,id=events,path=$(there "$events"),append=on" -serial chardev:events \\
  <>"$in" >>"$out" 4<&4
`;
}
