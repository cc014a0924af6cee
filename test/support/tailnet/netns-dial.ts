import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { type DialEnd, dial } from '../../../src/net/dial.ts';
import { type Endpoint, endpointText } from '../../../src/net/endpoint.ts';
import { type Question, questionTo } from '../../../src/net/question.ts';

/** Says that it runs, connects when it is told to, says so or why not in one line, and passes on what both sides say. */
const RELAY = `use Socket; my ($at, $port) = @ARGV; my $six = $at =~ /:/ ? 10 : 0; $| = 1; print "up\\n"; sysread STDIN, my $go, 3;
socket(S, $six || 2, 1, 0);
connect(S, $six ? pack("S n N a16 N", 10, $port, 0, Socket::inet_pton(10, $at), 0) : sockaddr_in($port, inet_aton($at))) or print("dial tcp: $!\\n"), exit;
print "connected\\n";
my $parent = $$;
if (!fork) { while (sysread STDIN, my $b, 65536) { syswrite S, $b } kill TERM => $parent; exit }
while (my $n = sysread S, my $b, 65536) { syswrite STDOUT, $b }
`;

/** The dial of a probe, from a network namespace. */
export async function dialIn(
  namespace: string,
  to: Endpoint,
  withinMs: number,
  protocol: Question['protocol'] = 'http',
): Promise<DialEnd> {
  const argv = ['netns', 'exec', namespace, 'perl', '-e', RELAY, to.address, String(to.port)];
  const child = spawn('ip', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => undefined);
  // On a computer that is overloaded the start of a process takes longer than a dial.
  await once(child.stdout, 'data');
  const open = async (): Promise<Duplex> => {
    child.stdin.write('go\n');
    const [first]: Buffer[] = await once(child.stdout, 'data');
    const [line = '', ...more] = (first ?? Buffer.alloc(0)).toString('latin1').split('\n');
    if (line !== 'connected') throw new Error(`${line} (${endpointText(to)})`);
    const socket = new Duplex({
      read: () => undefined,
      write: (data, encoding, done) => void child.stdin.write(data, encoding, () => done()),
    });
    if (more.join('\n') !== '') socket.push(Buffer.from(more.join('\n'), 'latin1'));
    child.stdout.on('data', (data) => void socket.push(data)).on('end', () => void socket.push(null));
    return socket;
  };
  const end = await dial(to, { ...questionTo(protocol, to.address), tlsName: undefined }, withinMs, { open });
  child.kill('SIGKILL');
  child.stdin.destroy();
  child.stdout.destroy();
  return end;
}
