import { type Check, fine, said, warned } from './check.ts';

/** Where tailscaled became the resolver: names that were found before must still be. No way in asks for a name, but the machine's services may. */
export const resolverAnswers: Check = {
  id: 'resolver',
  title: 'names are resolved',
  hop: 'guest',
  look: ({ guest, target }) => {
    const now = guest?.observed.get('resolver');
    const before = guest?.observed.get('resolver-before');
    if (now === undefined || before === undefined) return undefined;
    if (now.exitCode === 0 || before.exitCode !== 0) return fine(now);
    return warned(
      {
        cause: 'resolver-broken',
        title: "the tailnet's resolver (accept-dns) does not answer, the one before it does",
        observed: `${said(now)}; before: ${said(before)}`,
        fix: `acceptDns: false in vm.yaml (now: vmkit exec ${target.machine} -- tailscale set --accept-dns=false), or mend the tailnet's name servers`,
      },
      now,
      before,
    );
  },
};
