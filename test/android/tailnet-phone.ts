import { execa } from 'execa';
import { NAMESPACES } from '../support/tailnet/tailnet.ts';

/** The phone's own address in its mobile network, by which adb and the tailnet's servers are reached. */
export const MOBILE = '10.99.2.2';
/** Of the tunnel of a WireGuard app: of the phone, and of the peer. */
export const TUNNEL = { phone: '10.66.0.2', peer: '10.66.0.1' } as const;

/**
 * Gives a phone of the lab a mobile network, beside the one of its adb, that leads to the servers of a test's tailnet, as netd's rule for the default network has it; and, without an address yet, the interface tun9 of a VPN app, whose
 * other end the peer has: a STAND-IN for WireGuard's tunnel.
 */
export async function phoneInTailnet(phone: string): Promise<void> {
  const { hub, peer } = NAMESPACES;
  const script = `ip -n ${hub} link add phone type veth peer name rmnet0 netns ${phone}
ip -n ${hub} addr add 10.99.2.1/24 dev phone; ip -n ${hub} link set phone up
ip -n ${phone} link add tun9 type veth peer name wg netns ${peer}
ip -n ${peer} addr add ${TUNNEL.peer}/24 dev wg; ip -n ${peer} link set wg up
ip -n ${phone} addr add ${MOBILE}/24 dev rmnet0; ip -n ${phone} link set rmnet0 up
table=$((1000 + $(ip netns exec ${phone} cat /sys/class/net/rmnet0/ifindex)))
ip -n ${phone} route add $(ip -n ${phone} route show dev wlan0 proto kernel | cut -d ' ' -f 1) dev wlan0 table $table
ip -n ${phone} route add default via 10.99.2.1 dev rmnet0 table $table
ip -n ${phone} rule add pref 31000 fwmark 0x0/0xffff iif lo lookup $table`;
  await execa('sh', ['-ec', script], { timeout: 30_000 });
}

/** Turns that VPN on: its address, and what netd does for one that takes all users' traffic to its own addresses: without it answers leave by the mobile network. */
export async function connectTunnel(phone: string): Promise<void> {
  const script = `ip -n ${phone} addr add ${TUNNEL.phone}/32 dev tun9; ip -n ${phone} link set tun9 up
table=$((1000 + $(ip netns exec ${phone} cat /sys/class/net/tun9/ifindex)))
ip -n ${phone} route add ${TUNNEL.peer}/32 dev tun9 table $table
ip -n ${phone} rule add pref 13000 fwmark 0x0/0x20000 iif lo uidrange 0-99999 lookup $table`;
  await execa('sh', ['-ec', script], { timeout: 30_000 });
}
