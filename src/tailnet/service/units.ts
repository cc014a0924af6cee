import { WATCH_EXIT_CODE } from './watch-decision.ts';

/** The names of the units (systemd.unit(5)), and of the folders for state and socket. */
export const UNITS = { daemon: 'vmkit-tailscaled.service', watch: 'vmkit-tailscaled-watch.service' } as const;
/** Where `tailscale` looks by itself. */
export const SERVICE_SOCKET = '/run/tailscale/tailscaled.sock';
const STATE = 'vmkit-tailscaled';
/** SOCKS5 and HTTP, as Tailscale's own pages have it. */
const PROXY = '127.0.0.1:1055';

export interface ServiceRequest {
  /** The host's own: /usr/sbin/tailscaled. */
  readonly tailscaled: string;
  readonly isUserspace: boolean;
  /** The watchdog: an argv that ends with WATCH_EXIT_CODE where tailscaled is stuck. */
  readonly watch: readonly string[];
  /** As whom it runs, who can read vmkit. */
  readonly watchUser: string;
}

/**
 * tailscaled as a user that systemd makes up, with two capabilities and one device under TUN, with none for userspace networking. Net sysctls are those of who has
 * CAP_NET_ADMIN, so /proc/sys is not closed. Pure.
 */
export function daemonUnit({ tailscaled, isUserspace }: ServiceRequest): string {
  const options = [
    `--state=/var/lib/${STATE}/tailscaled.state`,
    // Else it has no place for certificates of `serve`, for received files and a tailnet's lock.
    `--statedir=/var/lib/${STATE}`,
    `--socket=${SERVICE_SOCKET}`,
    ...(isUserspace
      ? ['--tun=userspace-networking', `--socks5-server=${PROXY}`, `--outbound-http-proxy-listen=${PROXY}`]
      : []),
  ];
  return `# By vmkit tailnet service.
[Unit]
Description=Tailscale, ${isUserspace ? 'by userspace networking, with no right at all' : 'with no right but its two capabilities and its device'}
Conflicts=tailscaled.service
Wants=network-pre.target
After=network-pre.target NetworkManager.service systemd-resolved.service

[Service]
Type=notify
ExecStart=${execLine([tailscaled, ...options])}
Restart=on-failure
RestartSec=5
DynamicUser=yes
StateDirectory=${STATE}
StateDirectoryMode=0700
RuntimeDirectory=tailscale
RuntimeDirectoryMode=0755
${isUserspace ? NO_RIGHTS : TWO_RIGHTS}
${CONFINED}
ProtectHome=yes
MemoryDenyWriteExecute=yes

[Install]
WantedBy=multi-user.target
`;
}

/** Ends with tailscaled, and has it started again where it is stuck; by itself it may do nothing but ask. Pure. */
export function watchUnit({ watch, watchUser }: ServiceRequest): string {
  return `# By vmkit tailnet service.
[Unit]
Description=Watches whether tailscaled still has its control server, or a peer
After=${UNITS.daemon}
PartOf=${UNITS.daemon}

[Service]
User=${watchUser}
ExecStart=${execLine(watch)}
ExecStopPost=+/bin/sh -c 'test "$$EXIT_STATUS" != ${WATCH_EXIT_CODE} || exec systemctl --no-block restart ${UNITS.daemon}'
Restart=on-failure
RestartSec=30
${NO_RIGHTS}
${CONFINED}
ProtectHome=read-only

[Install]
WantedBy=${UNITS.daemon}
`;
}

/** AF_PACKET: tailscaled looks for direct paths past a firewall of its own computer. */
const TWO_RIGHTS = `AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW
DevicePolicy=closed
DeviceAllow=/dev/net/tun rw
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET`;

const NO_RIGHTS = `CapabilityBoundingSet=
PrivateDevices=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK`;

/** What neither needs (systemd.exec(5)). A call that is refused is no end: Node tries what systemd 252 does not list (pkey_alloc), and does without. A clock is set by who has CAP_SYS_TIME; ProtectClock= would add a device to those that are allowed. */
const CONFINED = `NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
ProtectProc=invisible
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077`;

/** As systemd takes a command line apart (systemd.service(5), "Command lines"). */
function execLine(argv: readonly string[]): string {
  return argv.map(execWord).join(' ');
}

function execWord(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w@%+=:,./$-]+$/.test(plain) ? plain : `"${plain.replace(/[\\"]/g, '\\$&')}"`;
}
