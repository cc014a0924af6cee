import * as z from 'zod';
import { VmkitError } from '../../core/errors/errors.ts';
import { safeJson } from '../../core/text/json.ts';
import type { Host } from '../../host/host.ts';
import type { Control, KeyRequest } from './control.ts';
import { meaningOf, said } from './control-error.ts';
import { headscaleDevice, headscaleKey, headscaleUsers, theUser } from './headscale-json.ts';

interface HeadscaleCli {
  /** This computer. */
  readonly builder: Host;
  /** What headscale reads of the environment beside its configuration: HEADSCALE_CLI_API_KEY. */
  readonly env: Readonly<Record<string, string>>;
  /** The user whose nodes join by a key, by name. */
  readonly user: string | undefined;
}

const WITHIN_MS = 30_000;

/** The command `headscale`, 0.26 or newer: on its server by its socket, elsewhere as HEADSCALE_CLI_ADDRESS says. */
export function headscaleCommand({ builder, env, user }: HeadscaleCli, signal: AbortSignal): Control {
  const run = async <Schema extends z.ZodType>(
    doing: string,
    words: readonly string[],
    schema: Schema,
  ): Promise<z.output<Schema>> => {
    const argv = ['headscale', ...words, '--output', 'json'];
    const { exitCode, stdout, stderr } = await builder.exec(argv, { env, withinMs: WITHIN_MS, signal });
    if (exitCode !== 0) throw refused(doing, stderr.trim() === '' ? stdout : stderr);
    const parsed = schema.safeParse(safeJson(stdout));
    // Not shown: a key may be in it.
    if (!parsed.success) throw refused(doing, 'it printed what vmkit does not understand');
    return parsed.data;
  };
  // An empty list is printed as null.
  const listOf = <Item>(items: z.ZodType<Item[]>) => items.nullable().transform((found) => found ?? []);
  return {
    title: "headscale's command",
    mintKey: async (wanted) => {
      const doing = 'Making an auth key';
      const users = await run(doing, ['users', 'list'], listOf(headscaleUsers));
      const words = ['preauthkeys', 'create', '--user', theUser(users, user), ...keyFlags(wanted)];
      return run(doing, words, headscaleKey);
    },
    devices: () => run('Listing the nodes', ['nodes', 'list'], listOf(z.array(headscaleDevice))),
    removeDevice: async (id) => {
      await run('Removing a node', ['nodes', 'delete', '--identifier', id, '--force'], z.unknown());
    },
  };
}

function keyFlags({ isReusable, isEphemeral, tags, expirySeconds }: KeyRequest): string[] {
  return [
    ...(isReusable ? ['--reusable'] : []),
    ...(isEphemeral ? ['--ephemeral'] : []),
    ...['--expiration', `${expirySeconds}s`],
    ...(tags.length === 0 ? [] : ['--tags', tags.join(',')]),
  ];
}

function refused(doing: string, printed: string): VmkitError {
  const known = meaningOf({ status: 0, text: printed });
  const message = `${doing}: headscale refused${known === undefined ? '' : `: ${known.says}`} (it said: ${said(printed)}).`;
  return new VmkitError('unreachable', 'control-refused', message, {
    hint: known?.hint ?? 'Try: headscale users list. On its server it needs root, or the group of its socket.',
  });
}
