import { type JoinedNode, joinTailnet } from '../../../verbs/tailnet/join.ts';
import { defineCommand } from '../../parse/command.ts';
import { table } from '../../show/table.ts';

export const command = defineCommand({
  usage: 'join',
  options: (yargs) =>
    yargs
      .option('userspace', {
        type: 'boolean',
        demandOption: true,
        describe: 'Without TUN and without root. With both, `tailscale up` is the way',
      })
      .option('hostname', { type: 'string', requiresArg: true, describe: 'Its name in the tailnet' })
      .option('login-server', { type: 'string', requiresArg: true, describe: "The control server, if not Tailscale's" })
      .option('keep', {
        type: 'boolean',
        default: false,
        describe: 'Keep who it is, for the next start. Otherwise the tailnet forgets it when it leaves',
      })
      .option('check', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'A URL to try through it, by git if it ends with .git; may be repeated',
      })
      .option('profile', {
        type: 'boolean',
        default: false,
        describe: 'Start it at each login: one line in ~/.profile, which leave takes out',
      }),
  run: ({ hostname, 'login-server': loginServer, keep, check, profile }, context): Promise<JoinedNode> =>
    joinTailnet({ hostname, loginServer, isKept: keep, urls: check, atLogin: profile }, context),
  text: (node) => `${node.hostname} ${node.isNew ? 'joined' : 'was there'}, ${node.address}

${table(node.verified.map(({ title, isOk, said }) => [`  ${isOk === undefined ? '-' : isOk ? 'ok' : 'NO'}`, title, said]))}

  . ${node.variables}            # for this shell: ALL_PROXY=socks5h://127.0.0.1:${node.proxyPort}, http_proxy, NO_PROXY
  vmkit tailnet run -- COMMAND   # for one command
  vmkit tailnet run --forward 13000:NODE:3000 -- COMMAND   # for programs that know no proxy
  vmkit tailnet leave            # undoes it. Its log: ${node.log}`,
  exitCode: ({ verified }) => (verified.some(({ isOk }) => isOk === false) ? 6 : 0),
});
