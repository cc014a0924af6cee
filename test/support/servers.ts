/** A server in Perl on port 3000 of both families: what it does before it listens, and with each connection. */
export function server(
  answer: string,
  { listen = '', family = 6 }: { readonly listen?: string; readonly family?: 4 | 6 } = {},
): string {
  const [domain, address] =
    family === 6 ? [10, 'pack("S n N x16 N", 10, 3000, 0, 0)'] : [2, 'sockaddr_in(3000, INADDR_ANY)'];
  return `use Socket; socket(S, ${domain}, 1, 0); setsockopt(S, 1, 2, 1); ${listen} bind(S, ${address}) or die; listen(S, 9); $| = 1; print "ready\n"; while (accept(C, S)) { ${answer} }`;
}

const ASKED = 'sysread(C, $q, 9999);';
/** What stays open. */
const KEEP = 'push @c, *C{IO}; undef *C;';
const say = (text: string): string => `syswrite(C, qq{${text.replaceAll('\n', '\\r\\n')}});`;
const reply = (text: string): string => server(`${ASKED} ${say(text)} close C;`);

export const SERVERS = {
  healthy: reply('HTTP/1.0 200 OK\n\nok'),
  silent: server(KEEP),
  closing: server('close C;'),
  beginning: server(`${ASKED} ${say('HTTP/1.0 200 OK\nContent-Length: 99\n\nok')} ${KEEP}`),
  onDevice: server('', { listen: 'setsockopt(S, 1, 25, "eth1\\0") or die;' }),
  onlySix: server('', { listen: 'setsockopt(S, 41, 26, 1) or die;' }),
  onlyFour: server(`${ASKED} ${say('HTTP/1.0 200 OK\n\nok')} close C;`, { family: 4 }),
  elsewhere: `use Socket; socket(S, 2, 1, 0); bind(S, sockaddr_in(3000, inet_aton("10.9.0.5"))) or die; listen(S, 9); $| = 1; print "ready\\n"; sleep 99`,
  full: `use Socket; socket(S, 10, 1, 0); setsockopt(S, 1, 2, 1); bind(S, pack "S n N x16 N", 10, 3000, 0, 0) or die; listen(S, 1); for (1 .. 4) { socket(my $c, 2, 1, 0); fcntl($c, 4, 2048); connect($c, sockaddr_in(3000, INADDR_LOOPBACK)); push @c, $c } $| = 1; print "ready\\n"; sleep 99`,
} as const;
