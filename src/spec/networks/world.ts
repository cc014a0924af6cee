import * as z from 'zod';
import { expected, port } from '../units.ts';
import { USER_NETWORK } from './user-network.ts';

const worldError = expected(
  'one of none, internet and host',
  'internet: the world without this host; host: this host as well.',
);

/** The keys of a network that dials the world through the user network. */
export const worldKeys = {
  world: z
    .enum(['none', 'internet', 'host'], { error: worldError })
    .default('internet')
    .describe('What the machine may dial: none, internet (nothing of this host), host (its loopback as well)'),
  hostAccess: z
    .array(port)
    .default([])
    .describe(
      `With \`world: internet\`: TCP ports of this host's loopback that it may dial at ${USER_NETWORK.gateway}`,
    ),
};
