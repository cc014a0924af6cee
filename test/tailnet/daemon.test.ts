import { expect, test } from 'vitest';
import { daemonCandidates } from '../../src/tailnet/daemon/candidates.ts';

const sockets = (printed: string) => daemonCandidates(printed).map(({ socket, foundBy }) => `${socket} ${foundBy}`);

test('a process tells its socket, in each way that Go reads flags; without one it has the default', () => {
  expect(
    sockets(`process 1
program /usr/sbin/tailscaled
folder /
argument tailscaled
argument --socket=/run/a.sock
process 2
program /opt/ts/tailscaled
folder /srv
argument ./tailscaled
argument -socket
argument b.sock
process 3
program 
folder 
argument tailscaled
place /run/user/7
place 
`).slice(0, 4),
  ).toEqual([
    '/run/a.sock process 1',
    '/srv/b.sock process 2',
    '/var/run/tailscale/tailscaled.sock process 3',
    '/run/user/7/tailscale/tailscaled.sock a usual place',
  ]);
});

test('its `tailscale` is looked for beside it; a place is asked once, whatever it is called', () => {
  const found = daemonCandidates('process 2\nprogram /opt/ts/tailscaled\nfolder /\nargument tailscaled\n');
  expect(found[0]).toMatchObject({ folder: '/opt/ts' });
  expect(found.filter(({ socket }) => socket.endsWith('/run/tailscale/tailscaled.sock'))).toHaveLength(1);
});
