import * as z from 'zod';
import { isPrivate, parseAddress } from '../../core/addresses/ipv4.ts';
import { expected } from '../units.ts';
import { isOnUserNetwork } from './user-network.ts';

const machineError = expected(
  'an IPv4 address of a private range, its last number 2 to 254',
  'For example 192.168.100.2; .1 is the gateway.',
);

/** An address of a machine on a private network or on the bridge. */
export const machineAddress = z
  .string({ error: machineError })
  .refine(isMachineAddress, { error: machineError })
  .meta({ title: 'IPv4 address' })
  .describe('A private address whose last number is 2 to 254; for example 192.168.100.2');

const lanError = expected('an IPv4 address with the length of its prefix', 'For example 192.168.1.50/24.');

/** An address on a network that is not vmkit's. */
export const lanAddress = z
  .string({ error: lanError })
  .refine(isLanAddress, { error: lanError })
  .meta({ title: 'IPv4 address/length' });

function isMachineAddress(text: string): boolean {
  const number = parseAddress(text);
  if (number === undefined || isOnUserNetwork(text)) return false;
  return isPrivate({ base: number, bits: 32 }) && number % 256 >= 2 && number % 256 <= 254;
}

/** Any host of a /8 to /30. */
function isLanAddress(text: string): boolean {
  const [address = '', length = '', ...rest] = text.split('/');
  const number = parseAddress(address);
  const bits = Number(length);
  if (number === undefined || rest.length > 0 || !/^\d{1,2}$/.test(length) || bits < 8 || bits > 30) return false;
  const host = number % 2 ** (32 - bits);
  return host > 0 && host < 2 ** (32 - bits) - 1;
}
