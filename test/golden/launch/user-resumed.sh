set -eu
umask 077
for fd in /proc/$$/fd/*; do fd=${fd##*/}; [ "$fd" -le 2 ] || eval "exec $fd>&-"; done
exec 10<'/data/sql/power.lock'
flock -n 10 || { echo 'Another QEMU runs this machine.' >&2; exit 1; }
rm -f '/state/sql/console.log' '/state/sql/console.log.1' '/state/sql/events.log' '/state/sql/events.log.1'
read -r stat </proc/$$/stat
fields=(${stat##*) })
printf '{"pid":%s,"startTime":%s,%s\n' $$ "${fields[19]}" '"name":"sql","stateDir":"/state/it'\''s"}' >'/data/sql/power.lock'
rm -rf '/state/it'\''s/run'
mkdir -p '/state/it'\''s/run'
exec 3<'/cache/kernel/kernel'
exec 4<'/cache/initramfs/initramfs.cpio'
exec 5<'/cache/root/root.img'
exec 6<>'/data/sql/data.img'
flock -n 6 || { echo 'Another QEMU runs this machine.' >&2; exit 1; }
memory=$(mktemp /dev/shm/vmkit-secrets.XXXXXX)
exec 7<"$memory"
exec {writer}>"$memory"
rm "$memory"
cat >&$writer
exec {writer}>&-
[ "$(stat -L -c %s /proc/$$/fd/7)" = 1024 ] || { echo 'vmkit was killed before QEMU had its secrets.' >&2; exit 1; }
cd '/state/it'\''s/run'
mkfifo memory.pipe
cat -- '/data/sql/suspended/memory' >memory.pipe 3<&- 4<&- 5<&- 6<&- 7<&- 10<&- &
exec 11<memory.pipe
rm memory.pipe
record() {
  trap '' XFSZ
  until (ulimit -f "$2"; exec dd bs=4096 >"$1"); do
    [ -e "$1" ] || exec cat >/dev/null
    [ ! -s "$1" ] || mv -f "$1" "$1.1"
  done
  [ ! "$1.pipe" -ef /proc/self/fd/0 ] || rm -f "$1.pipe"
}
rm -f '/state/sql/console.log' '/state/sql/console.log'.1 '/state/sql/console.log'.pipe
: >'/state/sql/console.log'
mkfifo '/state/sql/console.log'.pipe
rm -f '/state/sql/events.log' '/state/sql/events.log'.1 '/state/sql/events.log'.pipe
: >'/state/sql/events.log'
mkfifo '/state/sql/events.log'.pipe
rm -f '/state/sql/qemu.log' '/state/sql/qemu.log'.1 '/state/sql/qemu.log'.pipe
: >'/state/sql/qemu.log'
mkfifo '/state/sql/qemu.log'.pipe
record '/state/sql/console.log' 4096 <'/state/sql/console.log'.pipe >/dev/null 2>&1 3<&- 4<&- 5<&- 6<&- 7<&- 10<&- 11<&- &
record '/state/sql/events.log' 256 <'/state/sql/events.log'.pipe >/dev/null 2>&1 3<&- 4<&- 5<&- 6<&- 7<&- 10<&- 11<&- &
record '/state/sql/qemu.log' 256 <'/state/sql/qemu.log'.pipe >/dev/null 2>&1 3<&- 4<&- 5<&- 6<&- 7<&- 10<&- 11<&- &
exec >'/state/sql/qemu.log'.pipe 2>&1
exec 8>'/state/sql/console.log'.pipe
exec 9>'/state/sql/events.log'.pipe
cat -- '/c' >&8
cat -- '/it'\''s/events' >&9
exec 0</dev/null
exec env -i PATH="$PATH" qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none -name sql,process=vmkit-sql -machine q35 -accel tcg,thread=multi,tb-size=128 -cpu max -rtc base=utc,clock=host -smp 2 -m 1024M -kernel /proc/self/fd/3 -initrd /proc/self/fd/4 -append 'console=ttyS0 quiet panic=-1 vmkit.hostname=sql vmkit.data=0f' -add-fd fd=5,set=5 -blockdev driver=raw,node-name=vmkit-root,read-only=on,file.driver=file,file.filename=/dev/fdset/5,file.aio=threads -device virtio-blk-pci,drive=vmkit-root,serial=vmkit-root -add-fd fd=6,set=6 -blockdev driver=raw,node-name=vmkit-data,read-only=off,discard=unmap,file.driver=file,file.filename=/dev/fdset/6,file.aio=threads -device virtio-blk-pci,drive=vmkit-data,serial=vmkit-data -add-fd fd=7,set=7 -blockdev driver=raw,node-name=vmkit-secrets,read-only=on,file.driver=file,file.filename=/dev/fdset/7,file.aio=threads -device virtio-blk-pci,drive=vmkit-secrets,serial=vmkit-secrets -netdev stream,id=net0,server=on,addr.type=unix,addr.path=gate-guest.sock -device virtio-net-pci,netdev=net0,mac=52:54:00:76:6d:6b,romfile= -netdev user,id=world,ipv4=on,ipv6=on,hostfwd=tcp:127.0.0.1:5432-10.0.2.15:5432,hostfwd=tcp:127.0.0.1:40022-10.0.2.15:22 -netdev stream,id=gate,server=on,addr.type=unix,addr.path=gate-world.sock -netdev hubport,id=hub0,hubid=0,netdev=world -netdev hubport,id=hub1,hubid=0,netdev=gate -object rng-builtin,id=rng0 -device virtio-rng-pci,rng=rng0 -device virtio-balloon-pci,free-page-reporting=on -add-fd fd=8,set=8 -chardev socket,id=console,path=console.sock,server=on,wait=off,logfile=/dev/fdset/8,logappend=on -serial chardev:console -add-fd fd=9,set=9 -chardev file,id=events,path=/dev/null,logfile=/dev/fdset/9,logappend=on -device virtio-serial-pci -device virtserialport,chardev=events,name=vmkit.events -qmp unix:qmp.sock,server=on,wait=off -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
