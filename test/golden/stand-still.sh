trap '' HUP PIPE TERM INT
: >/run/vmkit/go-on
sync -f /data
tries=0
until fsfreeze --freeze /data; do
  tries=$((tries + 1))
  [ "$tries" -lt 50 ] || exit 1
  sleep 0.1
done
rm -f /run/vmkit/go-on
echo still || :
read -r now _ </proc/uptime
end=$((${now%%.*} + 20))
while [ ! -e /run/vmkit/go-on ] && [ "${now%%.*}" -lt "$end" ]; do
  sleep 0.02
  read -r now _ </proc/uptime
done
fsfreeze --unfreeze /data
[ -e /run/vmkit/go-on ] || exit 75
