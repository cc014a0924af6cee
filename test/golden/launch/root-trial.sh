set -eu
umask 077
for fd in /proc/$$/fd/*; do fd=${fd##*/}; [ "$fd" -le 2 ] || eval "exec $fd>&-"; done
rm -rf '/state/it'\''s/run'
mkdir -p '/state/it'\''s/run'
chown 60800:60800 '/state/it'\''s/run'
cd '/state/it'\''s/run'
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
record '/state/sql/console.log' 4096 <'/state/sql/console.log'.pipe >/dev/null 2>&1 &
record '/state/sql/events.log' 256 <'/state/sql/events.log'.pipe >/dev/null 2>&1 &
record '/state/sql/qemu.log' 256 <'/state/sql/qemu.log'.pipe >/dev/null 2>&1 &
exec >'/state/sql/qemu.log'.pipe 2>&1
exec 0</dev/null
exec env -i PATH="$PATH" setpriv --reuid=60800 --regid=60800 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all qemu
