read -r now _ </proc/uptime
echo "at $now"
while read -r card received _ _ _ _ _ _ _ sent _; do
  case $card in lo:) ;; *:) echo "network $received $sent" ;; esac
done </proc/net/dev
read -r device _ <<EOF
$(df -P /data | tail -n 1)
EOF
while read -r _ _ name _ _ read _ _ _ written _; do
  [ "/dev/$name" != "$device" ] || echo "disk $read $written"
done </proc/diskstats
df -P -B 1 /data | tail -n 1 | while read -r _ total used _; do echo "data $used $total"; done
for group in /sys/fs/cgroup/service.*; do
  [ -e "$group/cpu.stat" ] || continue
  read -r _ cpu <"$group/cpu.stat"
  read -r memory <"$group/memory.current"
  echo "service ${group##*/service.} $cpu $memory"
done
