umask 077
export PATH=/system/bin
let_go() { exec 4>&- 5>&- 6>&- 9<&-; }
record() {
  let_go
  trap '' XFSZ
  rm -f "$1" "$1.1"
  : >"$1.pipe"
  until (ulimit -f "$2"; exec cat >"$1"); do
    [ -e "$1" ] || exec cat >/dev/null
    [ ! -s "$1" ] || mv -f "$1" "$1.1"
  done
  rm -f "$1.pipe"
}
beside() {
  let_go
  nc -U -s '/data/local/tmp/run/console.sock' -L sh -c 'tail -c 0 -f '\''/state/sql/console.log'\'' & cat >input; kill $!' &
  while kill -0 "$1"; do sleep 0.5; done
  kill $! "$2"
  rm -f '/data/local/tmp/run/console.sock'
}
exec 9<'/data/local/tmp/power.lock' || exit 1
flock -n 9 9<&9 || { echo 'Another monitor runs this machine.' >&2; exit 1; }
rm -f '/state/sql/console.log' '/state/sql/console.log.1' '/state/sql/events.log' '/state/sql/events.log.1'
read -r stat </proc/$$/stat
set -- ${stat##*) }
print -r -- "{\"pid\":$$,\"startTime\":${20},"'"name":"sql"}' >'/data/local/tmp/power.lock'
rm -rf '/data/local/tmp/run'
mkdir -p '/data/local/tmp/run' && cd '/data/local/tmp/run' || exit 1
cat >secrets.img
[ "$(stat -c %s secrets.img)" = 512 ] || { echo 'vmkit was killed before the machine had its secrets.' >&2; exit 1; }
print -rn -- '{ "it": "is another test'\''s" }
' >vm.json
echo $$ >pid
mkfifo input
cat <>input 9<&- |&
typing=$!
exec 0<&p 3>&p
exec 3>&-
record '/state/sql/console.log' 8192 >/dev/null 2>&1 |&
exec 4>&p
record '/state/sql/events.log' 512 >/dev/null 2>&1 |&
exec 5>&p
record '/state/sql/qemu.log' 512 >/dev/null 2>&1 |&
exec 6>&p
beside $$ $typing </dev/null >/dev/null 2>&1 &
exec /apex/com.android.virt/bin/vm run --name sql --cpu-topology match_host --console /proc/self/fd/4 --log /proc/self/fd/5 /state/sql/run/vm.json >&6 2>&6 4>&4 5>&5 6>&- 9<&9
