import { runSwitch } from './machine/switch/run-switch.ts';

// A process of its own, started by `boot`: it outlives the command that started it.
const [membersDir] = process.argv.slice(2);
if (membersDir === undefined) throw new TypeError('network-switch FOLDER');
const end = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => end.abort());
await runSwitch(membersDir, end.signal);
process.exit(0);
