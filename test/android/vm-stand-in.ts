/** Of main.rs in packages/modules/Virtualization, `vm run`, by release: flags with a value, and without. */
const FLAGS = {
  '13': ['cpus console log ramdump mem cpu-affinity task-profiles', 'daemonize'],
  '14': ['name cpu-topology task-profiles console log mem gdb debug', 'protected'],
  '15': ['name cpu-topology task-profiles console console-in log mem gdb debug', 'protected network-supported'],
  '16': [
    'name cpu-topology task-profiles console console-in log mem gdb debug',
    'protected network-supported boost-uclamp hugepages',
  ],
} as const;

/** libs/vmconfig/src/lib.rs, VmConfig. Others are read and dropped there without a word; here they are refused, so that nobody relies on them. */
const KEYS = {
  '13': 'kernel initrd params bootloader disks protected memory_mib platform_version',
  '14': 'name kernel initrd params bootloader disks protected memory_mib platform_version',
  '15': 'name kernel initrd params bootloader disks protected memory_mib platform_version devices cpu_topology console_input_device',
  '16': 'name kernel initrd params bootloader disks protected memory_mib platform_version devices cpu_topology console_input_device usb_config',
} as const;

export type VmRelease = keyof typeof FLAGS;

/**
 * A STAND-IN for AVF's `vm` on a phone of the lab, not AVF. It takes flags and keys of one release and refuses all others; a file must be where AVF opens it. It reads the JSON as vmkit writes it, a
 * key a line. What then runs is `guest`, lines for mksh: the console at 7, the log at 8, what is typed at 0, and $config.
 */
export function vmStandIn(release: VmRelease, guest: string): string {
  const [valued, plain] = FLAGS[release];
  const hasInput = release !== '13';
  return `#!/system/bin/sh
wrong() { echo "error: $1" >&2; exit 2; }
fail() { echo "Error: $1" >&2; exit 1; }
[ "$(id -u)" = 2000 ] || fail 'Failed to find VirtualizationService'
case $1 in
  info) echo 'Both protected and ${release === '13' ? 'un' : 'non-'}protected VMs are supported.'; exit ;;
  list) echo 'Running VMs: []'; exit ;;
  run) shift ;;
  *) wrong "The subcommand '$1' wasn't recognized" ;;
esac
config= console= log=
while [ $# -gt 0 ]; do
  case $1 in
    --*)
      case " ${valued} " in
        *" \${1#--} "*) [ $# -gt 1 ] || wrong "a value is required for '$1'"
          case $1 in
            --console) console=$2 ;;
            --log) log=$2 ;;
            --cpu-topology) case $2 in one_cpu | match_host) ;; *) wrong "Invalid cpu topology $2" ;; esac ;;
          esac
          shift ;;
        *) case " ${plain} " in *" \${1#--} "*) ;; *) wrong "unexpected argument '$1' found" ;; esac ;;
      esac ;;
    *) [ -z "$config" ] || wrong "unexpected argument '$1' found"; config=$1 ;;
  esac
  shift
done
[ -e "$config" ] || fail "Failed to open config file: No such file or directory (os error 2)"
for key in $(sed -n 's/^  "\\([a-z_]*\\)": .*/\\1/p' "$config"); do
  case " ${KEYS[release]} " in *" $key "*) ;; *) fail "a stand-in refuses the key $key, which Android ${release} would drop" ;; esac
done
grep -q '"protected": false' "$config" || fail 'Only a kernel that the maker signed runs protected'
[ "$(grep -c '^      "writable": ' "$config")" = "$(grep -c '"partitions": ' "$config")" ] || fail 'missing field writable'
sed -n 's/.*"\\(kernel\\|initrd\\|path\\)": "\\(.*\\)".*/\\2/p' "$config" | while read -r file; do
  case $file in /data/local/tmp/*) ;; *) fail "not allowed to open $file: its label is not shell_data_file" ;; esac
  [ -e "$file" ] || fail "Failed to open $file"
done || exit
disk() { sed -n "/\\"label\\": \\"$1\\"/,/}/s/.*\\"path\\": \\"\\(.*\\)\\".*/\\1/p" "$config"; }
exec 7>"$console" 8>"$log" || exit
${hasInput ? '' : 'exec 0</dev/null\n'}echo "Created debuggable VM from \\"$config\\" with CID 2050, state is STARTING."
${guest}`;
}

/** A guest that is nothing but what a guest says of itself. Its vsock is TCP, 10000 above (fake-vsock.ts). Its console is a shell, whose power-off is the only script that it runs. */
export const SPEAKING_GUEST = `grep -q the-secret "$(disk vmkit-secrets)" || fail 'no secret'
say() { echo "$1" >&8; }
# One that was killed has left its own, and the port is free only when that has ended.
if [ -e /data/local/tmp/nc.pid ]; then
  left=$(cat /data/local/tmp/nc.pid)
  while kill $left 2>/dev/null; do sleep 0.1; done
fi
nc -s 127.0.0.1 -p 10022 -L echo SSH-2.0-stand-in </dev/null >/dev/null 7>&- 8>&- 9<&- &
listener=$!
echo $listener >/data/local/tmp/nc.pid
trap 'kill $listener; exit 143' TERM
say '{"event":"phase","phase":"init","uptime":0.5}'
say '{"event":"phase","phase":"secrets","uptime":0.6}'
say '{"event":"start","service":"ssh","uptime":0.7}'
say '{"event":"ready","service":"ssh","uptime":0.8}'
say '{"event":"booted","uptime":1.0}'
echo 'a console' >&7
sh() { read -r word; case $word in */poweroff) say '{"event":"stopping","uptime":2.0}'; : >"$config.off" ;; esac; }
until [ -e "$config.off" ]; do
  # Nobody can type: it runs until it is ended.
  read -r line || { wait $listener; exit; }
  eval "$line" >&7 2>/dev/null
done
kill $listener
echo 'VM ended: Shutdown'
`;
