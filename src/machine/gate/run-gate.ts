import { relayFrames } from '../../net/frames/frame-relay.ts';
import { BRIDGE } from '../../spec/networks/link-addresses.ts';
import { closedAddresses, type IsClosed } from './closed-addresses.ts';
import { readAddressTables } from './own-addresses.ts';
import { worldGate } from './world-gate.ts';

/** How old this host's addresses may be: they change with every Wi-Fi. */
const REREAD_MS = 1_000;
/** QEMU is started right after the gate. */
const START_MS = 30_000;

export interface GateOptions {
  /** QEMU listens on both: for the guest's network card, and for the user network. */
  readonly guestSocket: string;
  readonly worldSocket: string;
  readonly hostAccess: readonly number[];
}

/** Passes frames between a guest and the world until QEMU ends, or `signal` aborts. Throws where this host's own addresses cannot be read: closed, then. */
export async function runGate(options: GateOptions, signal: AbortSignal): Promise<void> {
  const { guestSocket, worldSocket, hostAccess } = options;
  const { leaves, enters } = worldGate({ isClosed: currentlyClosed(), hostAccess, now: () => performance.now() });
  const guest = { socketPath: guestSocket, passes: leaves };
  const world = {
    socketPath: worldSocket,
    passes: (frame: Buffer) => {
      enters(frame);
      return true;
    },
  };
  await relayFrames([guest, world], START_MS, signal);
}

function currentlyClosed(): IsClosed {
  const read = (): IsClosed => closedAddresses(readAddressTables(), BRIDGE.interface);
  let isClosed = read();
  let readAt = performance.now();
  return (address) => {
    if (performance.now() - readAt > REREAD_MS) {
      isClosed = read();
      readAt = performance.now();
    }
    return isClosed(address);
  };
}
