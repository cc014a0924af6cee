import { runGate } from './machine/gate/run-gate.ts';

// A process of its own, started by `boot` beside QEMU: it outlives the command that started it.
const [guestSocket, worldSocket, ...ports] = process.argv.slice(2);
if (guestSocket === undefined || worldSocket === undefined) throw new TypeError('network-gate SOCKET SOCKET [PORT...]');
const end = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => end.abort());
await runGate({ guestSocket, worldSocket, hostAccess: ports.map(Number) }, end.signal);
process.exit(0);
