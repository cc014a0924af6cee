#!/system/bin/sh
unset ASH_STANDALONE
export PATH=/system/bin
exec /system/bin/sh /data/adb/vmkit/supervise run </dev/null >/dev/null 2>&1
