import type { Facts } from '../facts.ts';
import { listenerText, parseListeners, takesAll } from '../look/guest/listeners.ts';
import { broken, type Check, fine, said } from './check.ts';

/** What comes by a tunnel reaches what listens on the machine's address there, or on all addresses; 127.0.0.1 alone is not reached. Nothing to look at without one. */
export function listensInTunnel(id: string, addressIn: (facts: Facts) => string | undefined): Check {
  return {
    id,
    title: "the service listens on the tunnel's address",
    hop: 'backend',
    look: (facts) => {
      const { guest, target } = facts;
      const sockets = guest?.observed.get('listeners');
      const own = addressIn(facts);
      if (sockets === undefined || own === undefined) return undefined;
      const onPort = parseListeners(sockets.output).filter(({ port }) => port === target.port);
      if (onPort.some((each) => takesAll(each) || each.address === own)) return fine(sockets);
      if (onPort.length === 0) {
        return broken(
          {
            cause: 'backend-not-listening',
            title: `nothing listens on port ${target.port}`,
            observed: said(guest?.observed.get('backend')),
            fix: `vmkit logs ${target.machine} ${target.name}`,
          },
          sockets,
        );
      }
      return broken(
        {
          cause: 'backend-other-address',
          title: "the service listens on another address than the tunnel's",
          observed: `ss -ltn: ${onPort.map(listenerText).join(', ')}`,
          fix: `Let ${target.name} listen on all addresses, or on ${own}:${target.port}`,
        },
        sockets,
      );
    },
  };
}
