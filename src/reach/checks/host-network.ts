import { broken, type Check, fine } from './check.ts';

/** All that leads to a machine on a bridge goes through what vmkit made on its host. */
export const hostNetworkHolds: Check = {
  id: 'host-network',
  title: "the machine's network on the host is as vmkit made it",
  hop: 'host',
  look: ({ hostNetwork, target }) => {
    if (hostNetwork === undefined) return undefined;
    const { observation, fix } = hostNetwork;
    if (observation.exitCode === 0) return fine(observation);
    const title = `what vmkit set up on the host for ${target.machine} was changed since`;
    return broken({ cause: 'host-network-changed', title, observed: observation.output, fix }, observation);
  },
};
