PATH='/usr/sbin:/usr/bin'
t=vmkit_follow_$$
d=$(mktemp -d) && mkfifo "$d/in" || exit 70
trap 'exec 3>&-; kill $nft $monitor 2>/dev/null; nft delete table inet $t 2>/dev/null; rm -rf "$d"' EXIT
trap 'exit 1' HUP INT TERM PIPE
counters() { for file in snmp netstat stat/nf_conntrack softnet_stat; do echo "-- $file"; [ -e /proc/net/$file ] && while IFS= read -r line; do echo "$line"; done </proc/net/$file; done; }
metrics() { timeout 4 tailscale metrics print 2>/dev/null | grep -E '^tailscaled_(in|out)bound_(dropped_)?packets_total'; }
cat >"$d/table" <<END
table inet $t {
  FLAGS
  set arrived { typeof iifname . ip saddr . tcp sport . ip daddr . tcp dport; size 512; flags dynamic; }
  set arrived_data { typeof iifname . ip saddr . tcp sport . ip daddr . tcp dport; size 512; flags dynamic; }
  set arrived_reset { typeof iifname . ip saddr . tcp sport . ip daddr . tcp dport; size 512; flags dynamic; }
  chain arrived { type filter hook prerouting priority -450; policy accept;
    tcp dport { 3000, 8080 } update @arrived { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp dport { 3000, 8080 } tcp flags & psh != 0 update @arrived_data { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp dport { 3000, 8080 } tcp flags & rst != 0 update @arrived_reset { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp dport { 3000, 8080 } limit rate 40/second meta nftrace set 1
    tcp sport { 3000, 8080 } update @arrived { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp sport { 3000, 8080 } tcp flags & psh != 0 update @arrived_data { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp sport { 3000, 8080 } tcp flags & rst != 0 update @arrived_reset { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp sport { 3000, 8080 } limit rate 40/second meta nftrace set 1
  }
  set delivered { typeof iifname . ip saddr . tcp sport . ip daddr . tcp dport; size 512; flags dynamic; }
  set delivered_data { typeof iifname . ip saddr . tcp sport . ip daddr . tcp dport; size 512; flags dynamic; }
  set delivered_reset { typeof iifname . ip saddr . tcp sport . ip daddr . tcp dport; size 512; flags dynamic; }
  chain delivered { type filter hook input priority 450; policy accept;
    tcp dport { 3000, 8080 } update @delivered { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp dport { 3000, 8080 } tcp flags & psh != 0 update @delivered_data { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp dport { 3000, 8080 } tcp flags & rst != 0 update @delivered_reset { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp sport { 3000, 8080 } update @delivered { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp sport { 3000, 8080 } tcp flags & psh != 0 update @delivered_data { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp sport { 3000, 8080 } tcp flags & rst != 0 update @delivered_reset { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
  }
  set forwarded { typeof iifname . ip saddr . tcp sport . ip daddr . tcp dport; size 512; flags dynamic; }
  set forwarded_data { typeof iifname . ip saddr . tcp sport . ip daddr . tcp dport; size 512; flags dynamic; }
  set forwarded_reset { typeof iifname . ip saddr . tcp sport . ip daddr . tcp dport; size 512; flags dynamic; }
  chain forwarded { type filter hook forward priority 450; policy accept;
    tcp dport { 3000, 8080 } update @forwarded { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp dport { 3000, 8080 } tcp flags & psh != 0 update @forwarded_data { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp dport { 3000, 8080 } tcp flags & rst != 0 update @forwarded_reset { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp sport { 3000, 8080 } update @forwarded { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp sport { 3000, 8080 } tcp flags & psh != 0 update @forwarded_data { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp sport { 3000, 8080 } tcp flags & rst != 0 update @forwarded_reset { iifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
  }
  set said { typeof oifname . ip saddr . tcp sport . ip daddr . tcp dport; size 512; flags dynamic; }
  set said_data { typeof oifname . ip saddr . tcp sport . ip daddr . tcp dport; size 512; flags dynamic; }
  set said_reset { typeof oifname . ip saddr . tcp sport . ip daddr . tcp dport; size 512; flags dynamic; }
  chain said { type filter hook output priority -450; policy accept;
    tcp dport { 3000, 8080 } update @said { oifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp dport { 3000, 8080 } tcp flags & psh != 0 update @said_data { oifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp dport { 3000, 8080 } tcp flags & rst != 0 update @said_reset { oifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp dport { 3000, 8080 } limit rate 40/second meta nftrace set 1
    tcp sport { 3000, 8080 } update @said { oifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp sport { 3000, 8080 } tcp flags & psh != 0 update @said_data { oifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp sport { 3000, 8080 } tcp flags & rst != 0 update @said_reset { oifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp sport { 3000, 8080 } limit rate 40/second meta nftrace set 1
  }
  set left { typeof oifname . ip saddr . tcp sport . ip daddr . tcp dport; size 512; flags dynamic; }
  set left_data { typeof oifname . ip saddr . tcp sport . ip daddr . tcp dport; size 512; flags dynamic; }
  set left_reset { typeof oifname . ip saddr . tcp sport . ip daddr . tcp dport; size 512; flags dynamic; }
  chain left { type filter hook postrouting priority 450; policy accept;
    tcp dport { 3000, 8080 } update @left { oifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp dport { 3000, 8080 } tcp flags & psh != 0 update @left_data { oifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp dport { 3000, 8080 } tcp flags & rst != 0 update @left_reset { oifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp sport { 3000, 8080 } update @left { oifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp sport { 3000, 8080 } tcp flags & psh != 0 update @left_data { oifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
    tcp sport { 3000, 8080 } tcp flags & rst != 0 update @left_reset { oifname . ip saddr . tcp sport . ip daddr . tcp dport counter }
  }
}
END
nft -i <"$d/in" >"$d/nft" 2>&1 & nft=$!
exec 3>"$d/in"
nft monitor trace 3>&- >"$d/trace" 2>/dev/null & monitor=$!
metrics >"$d/metrics-before" 3>&- & before=$!
counters >"$d/counters-before"
sed 's/FLAGS/flags owner;/' "$d/table" >"$d/owned"
sed 's/FLAGS//' "$d/table" >"$d/plain"
build() { printf 'include "%s"\nlist chains inet\n' "$1" >&3; }
build "$d/owned"
n=0
until grep -q 'chain left' "$d/nft" || [ $n = 40 ]; do
  n=$((n + 1)); sleep 0.1
  [ $n = 30 ] && build "$d/plain"
done
wait $before
echo '==> watching <=='
sleep 4
counters >"$d/counters"
nft -j list table inet $t 3>&- >"$d/flows" 2>&1 & list=$!
ss -Hltnp 3>&- >"$d/sockets"
ip route get 100.64.0.2 3>&- >"$d/route" 2>&1
metrics >"$d/metrics" 3>&-
if [ "$(grep acl "$d/metrics-before")" != "$(grep acl "$d/metrics")" ]; then { timeout 4 tailscale debug prefs | grep ShieldsUp; timeout 4 tailscale debug netmap | sed -n '/^\t"PacketFilterRules"/,/^\t[]]/p'; } >"$d/filter" 2>&1 3>&-; fi
wait $list
for file in counters-before metrics-before counters metrics flows trace nft sockets route filter; do
  [ -s "$d/$file" ] || continue
  printf '\n==> %s <==\n' "$file"
  head -c 300000 "$d/$file"
done
