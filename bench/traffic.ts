import { connectBySocks, connectDirectly } from '../src/net/dial.ts';
import { measureTraffic, serveTraffic } from '../src/net/traffic.ts';

/** What tailnet-ways.ts runs in a network namespace: `serve PORT` prints whom it sees, `measure ADDRESS PORT [SOCKS]` prints JSON. */
const [what, first = '', port = '', socks] = process.argv.slice(2);
if (what === 'serve') {
  await serveTraffic('0.0.0.0', Number(first), (from) => console.info(from));
  console.info('ready');
} else {
  const to = { address: first, port: Number(port) };
  const dial =
    socks === undefined
      ? () => connectDirectly(to, 20_000)
      : () => connectBySocks(to, { socksPort: Number(socks) }, 20_000);
  console.info(JSON.stringify(await measureTraffic(dial)));
}
