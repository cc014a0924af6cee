/** A server in Perl on port 3000 of both families: what it does with each connection, before it listens, and before it accepts the first. */
export function server(
  answer: string,
  {
    listen = '',
    family = 6,
    first = '',
  }: { readonly listen?: string; readonly family?: 4 | 6; readonly first?: string } = {},
): string {
  const [domain, address] =
    family === 6 ? [10, 'pack("S n N x16 N", 10, 3000, 0, 0)'] : [2, 'sockaddr_in(3000, INADDR_ANY)'];
  return `use Socket; socket(S, ${domain}, 1, 0); setsockopt(S, 1, 2, 1); ${listen} bind(S, ${address}) or die; listen(S, 9); $| = 1; print "ready\\n"; ${first} while (accept(C, S)) { ${answer} }`;
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
  dripping: server(
    `if (!fork) { ${ASKED} ${say('HTTP/1.0 200 OK\n\n')} while (syswrite C, "x") { select undef, undef, undef, 0.5 } exit } close C;`,
  ),
  openEnded: server(`${ASKED} ${say('HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nab\n')} ${KEEP}`),
  encrypted: server(`${ASKED} syswrite(C, qq{\\x15\\x03\\x01\\x00\\x02\\x02\\x46}); close C;`),
  crowded: server(
    `${ASKED} syswrite(C, qq{E\\0\\0\\0\\x60SFATAL\\0VFATAL\\0C53300\\0Msorry, too many clients already\\0\\0}); close C;`,
  ),
  resetting: server(
    `${ASKED} ${say('HTTP/1.0 200 OK\nContent-Length: 99\n\nok')} setsockopt(C, 1, 13, pack("ll", 1, 0)); close C;`,
  ),
  beginning: server(`${ASKED} ${say('HTTP/1.0 200 OK\nContent-Length: 99\n\nok')} ${KEEP}`),
  halted: server('', { first: 'kill STOP => $$;' }),
  outOfFiles: server('', {
    first: 'system("prlimit --nofile=4:4 --pid $$"); accept(C, S) || select(undef, undef, undef, 0.1) while 1;',
  }),
  large: server(`${ASKED} ${say('HTTP/1.0 200 OK\nContent-Length: 20000\n\n')} syswrite(C, "x" x 20000); ${KEEP}`),
  onDevice: server('', { listen: 'setsockopt(S, 1, 25, "eth1\\0") or die;' }),
  onlySix: server('', { listen: 'setsockopt(S, 41, 26, 1) or die;' }),
  onlyFour: server(`${ASKED} ${say('HTTP/1.0 200 OK\n\nok')} close C;`, { family: 4 }),
  elsewhere: `use Socket; socket(S, 2, 1, 0); bind(S, sockaddr_in(3000, inet_aton("10.9.0.5"))) or die; listen(S, 9); $| = 1; print "ready\\n"; sleep 99`,
  full: `use Socket; socket(S, 10, 1, 0); setsockopt(S, 1, 2, 1); bind(S, pack "S n N x16 N", 10, 3000, 0, 0) or die; listen(S, 1); for (1 .. 4) { socket(my $c, 2, 1, 0); fcntl($c, 4, 2048); connect($c, sockaddr_in(3000, INADDR_LOOPBACK)); push @c, $c } $| = 1; print "ready\\n"; sleep 99`,
} as const;
