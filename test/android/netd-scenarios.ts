import type { ConnectTo, Phone } from './netd-phone.ts';

const WIFI: ConnectTo = { default: ['wlan0'] };
const MOBILE: ConnectTo = { default: ['rmnet0'] };
const secure = { isSecure: true, isSplit: false };

/** What happens to a phone, a line each: from where a guest is then seen by the world, and by what only a VPN leads to; undefined where it is not to get there. */
export const SCENARIOS: readonly {
  readonly name: string;
  readonly happens: (phone: Phone) => Promise<void>;
  readonly seen: string | undefined;
  readonly byVpn?: string;
  /** Tried with the places of Android 12, too. */
  readonly isOn12?: true;
}[] = [
  {
    isOn12: true,
    name: 'Wi-Fi',
    happens: (phone) => phone.connect(WIFI).then(() => phone.address('wlan0', '198.51.100.2')),
    seen: '198.51.100.2',
  },
  { name: 'Wi-Fi lost, mobile takes over', happens: (phone) => phone.connect(MOBILE), seen: '203.0.113.2' },
  {
    name: 'IPv6-only mobile, IPv4 translated',
    happens: (phone) => phone.connect({ default: ['rmnet0', 'v4-rmnet0'] }),
    seen: '192.0.0.4',
  },
  { name: 'no network', happens: (phone) => phone.connect({ default: [] }), seen: undefined },
  { name: 'Wi-Fi again', happens: (phone) => phone.connect(WIFI), seen: '198.51.100.2' },
  {
    isOn12: true,
    name: 'another address on Wi-Fi',
    happens: (phone) => phone.address('wlan0', '198.51.100.9'),
    seen: '198.51.100.9',
  },
  {
    isOn12: true,
    name: 'VPN for all',
    happens: (phone) => phone.connect({ ...WIFI, vpn: secure }),
    seen: '10.8.0.2',
    byVpn: '10.8.0.2',
  },
  {
    name: 'VPN for some routes',
    happens: (phone) => phone.connect({ ...WIFI, vpn: { ...secure, isSplit: true } }),
    seen: '198.51.100.9',
    byVpn: '10.8.0.2',
  },
  {
    isOn12: true,
    name: 'VPN that apps may avoid',
    happens: (phone) => phone.connect({ ...WIFI, vpn: { isSecure: false, isSplit: false } }),
    seen: '10.8.0.2',
  },
  {
    name: 'nothing without the VPN',
    happens: (phone) => phone.connect({ ...WIFI, vpn: { isSecure: true, isSplit: true, isLockdown: true } }),
    seen: undefined,
    byVpn: '10.8.0.2',
  },
  { name: 'VPN over mobile', happens: (phone) => phone.connect({ ...MOBILE, vpn: secure }), seen: '10.8.0.2' },
  { isOn12: true, name: 'VPN down', happens: (phone) => phone.connect(WIFI), seen: '198.51.100.9' },
  { isOn12: true, name: 'netd restarts', happens: (phone) => phone.restartNetd(), seen: '198.51.100.9' },
  { name: 'tethering begins', happens: (phone) => phone.tether(true), seen: '198.51.100.9' },
  { name: 'tethering ends', happens: (phone) => phone.tether(false), seen: '198.51.100.9' },
];
