import { readFile } from 'node:fs/promises';
import { dialThroughNebula, insideRequest } from './reach/look/tunnels/nebula-inside.ts';

// Started in a network namespace of its own by `probe`: a process of Node cannot change its own.
const [requestFile] = process.argv.slice(2);
if (requestFile === undefined) throw new TypeError('nebula-inside FILE');
const end = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => end.abort());
const request = insideRequest.parse(JSON.parse(await readFile(requestFile, 'utf8')));
const answer = await dialThroughNebula(request, end.signal);
process.stdout.write(JSON.stringify(answer), () => process.exit(0));
