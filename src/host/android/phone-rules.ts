/** Above the kernel's own rule (0), below all of netd's (from 10000 on, system/netd, server/RouteController.h). One is for packets to guests, the other for packets from them. */
export const PREFERENCES = { toGuests: 9000, fromGuests: 9001 } as const;

/**
 * Where packets of guests leave: `phone`: as the phone's own do, by its VPN where it has one. `uplink`: by the network that is the default one, past a VPN.
 * `nowhere`: for IPv6 on a kernel without NAT for it.
 */
export const EGRESSES = ['phone', 'uplink', 'nowhere'] as const;
export type Egress = (typeof EGRESSES)[number];

/**
 * Shell functions that keep vmkit's two rules right; for /system/bin/sh with Android's ip. `family` is -4 or -6.
 *
 * The default network's table is the one of netd's own rule for packets that chose no network: `fwmark 0x0/0xffff iif lo lookup T` at 31000, at 29000 on Android 12. (The mark is printed
 * as 0 or as 0x0, by the release of ip.) IPv6-only networks have two, of the network and of its IPv4 translator. Other tables have default routes as well, and VPNs
 * that send all through them have none. A VPN's rule (13000, and 24000 and 27000 where apps may avoid it) is for ranges of users; it is the phone's
 * where it is root's. 14000 prohibits what is not in the VPN: then nothing else is left for guests either.
 */
export const RULE_FUNCTIONS = `# wanted FAMILY EGRESS: what is to be at ${PREFERENCES.fromGuests}, a line each.
wanted() {
  [ "$2" != nowhere ] || { echo unreachable; return; }
  ip "$1" rule | {
    locked=
    while read -r pref text; do
      table=\${text##* lookup }
      table=\${table%% *}
      case $2:$pref$text in
        phone:13[0-9][0-9][0-9]:*' uidrange 0-'*' lookup '* | phone:2[47][0-9][0-9][0-9]:*' uidrange 0-'*' lookup '*)
          echo "lookup $table" ;;
        phone:14[0-9][0-9][0-9]:*' uidrange 0-'*' prohibit'*) locked=yes ;;
        *:29000:'from all fwmark 0/0xffff iif lo lookup '* | *:31000:'from all fwmark 0/0xffff iif lo lookup '* | \\
        *:29000:'from all fwmark 0x0/0xffff iif lo lookup '* | *:31000:'from all fwmark 0x0/0xffff iif lo lookup '*)
          [ -n "$locked" ] || echo "lookup $table" ;;
      esac
    done
    echo unreachable
  }
}

# present FAMILY BRIDGE: what is there at ${PREFERENCES.fromGuests}; 3 where somebody else has it.
present() {
  ip "$1" rule | while read -r pref text; do
    [ "$pref" = ${PREFERENCES.fromGuests}: ] || continue
    case $text in "from all iif $2 "*) ;; *) exit 3 ;; esac
    text=\${text#"from all iif $2 "}
    text=\${text#'[detached] '}
    echo \${text%% realms*}
  done
}

# to_guests FAMILY SUBNET: whether the one rule is at ${PREFERENCES.toGuests}; 3 where somebody else has it.
to_guests() {
  ip "$1" rule | {
    found=1
    while read -r pref text; do
      [ "$pref" = ${PREFERENCES.toGuests}: ] || continue
      case $text in "from all to $2 lookup main"* | "from all to $2 lookup 254"*) found=0 ;; *) exit 3 ;; esac
    done
    exit $found
  }
}

# rules_hold FAMILY BRIDGE SUBNET EGRESS
rules_hold() {
  to_guests "$1" "$3" || return
  there=$(present "$1" "$2") || return
  [ "$there" = "$(wanted "$1" "$4")" ]
}

# set_rules FAMILY BRIDGE SUBNET EGRESS: 3 and nothing changed where somebody else has one of the two.
set_rules() {
  to_guests "$1" "$3"
  case $? in
    1) ip "$1" rule add pref ${PREFERENCES.toGuests} to "$3" lookup main || return ;;
    3) return 3 ;;
  esac
  present "$1" "$2" >/dev/null || return
  [ "$(present "$1" "$2")" != "$(wanted "$1" "$4")" ] || return 0
  clear_from "$1" "$2"
  wanted "$1" "$4" | while read -r way; do ip "$1" rule add pref ${PREFERENCES.fromGuests} iif "$2" $way || exit; done
}

# clear_from FAMILY BRIDGE
clear_from() {
  present "$1" "$2" | while read -r way; do ip "$1" rule del pref ${PREFERENCES.fromGuests} iif "$2" $way; done
}

# clear_rules FAMILY BRIDGE SUBNET
clear_rules() {
  clear_from "$1" "$2"
  ! to_guests "$1" "$3" || ip "$1" rule del pref ${PREFERENCES.toGuests} to "$3" lookup main
}
`;
