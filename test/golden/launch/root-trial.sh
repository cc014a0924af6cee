set -eu
umask 077
exec 0</dev/null
cd '/state/it'\''s/run'
exec env -i PATH="$PATH" setpriv --reuid=60800 --regid=60800 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all qemu
