import * as z from 'zod';
import { parseJson } from '../../core/json.ts';

/** libnftables-json(5). A statement or expression that is not looked into may be anything. */
const chain = z.object({
  family: z.string(),
  table: z.string(),
  name: z.string(),
  hook: z.string().optional(),
  policy: z.string().optional(),
});
const rule = z.object({
  family: z.string(),
  table: z.string(),
  chain: z.string(),
  handle: z.number(),
  expr: z.array(z.record(z.string(), z.unknown())),
});
const ruleset = z.object({ nftables: z.array(z.object({ chain: chain.optional(), rule: rule.optional() })) });

/** What drops or rejects packets that are forwarded: a rule, or a chain by its policy. */
export interface Drop {
  /** The same in two looks: `inet filter forward 12`. */
  readonly id: string;
  /** `ip filter`. */
  readonly table: string;
  readonly chain: string;
  /** Packets that it dropped; undefined where nobody counts. */
  readonly packets: number | undefined;
  /** By the state of the connection. */
  readonly isByState: boolean;
}

const counter = z.object({ packets: z.number() });
const jump = z.object({ target: z.string() });

/** Everything that drops on the way of forwarded packets, of `nft -j list ruleset`; undefined when that could not be read. */
export function forwardDrops(json: string | undefined): Drop[] | undefined {
  const read = parseJson(json, ruleset);
  if (read === undefined) return undefined;
  const chains = read.nftables.flatMap((each) => each.chain ?? []);
  const rules = read.nftables.flatMap((each) => each.rule ?? []);
  const hooked = chains.filter(({ hook, family }) => hook === 'forward' && ['ip', 'inet'].includes(family));
  const passed = new Set(hooked.map(keyOf));
  // Chains that those jump to, and so on.
  for (let before = -1; before < passed.size; ) {
    before = passed.size;
    for (const each of rules) {
      if (!passed.has(keyOf({ ...each, name: each.chain }))) continue;
      for (const target of targetsOf(each.expr)) passed.add(keyOf({ ...each, name: target }));
    }
  }
  return [
    ...hooked
      .filter(({ policy }) => policy === 'drop')
      .map((each) => ({ ...placeOf(each, each.name), id: keyOf(each), packets: undefined, isByState: false })),
    ...rules
      .filter((each) => passed.has(keyOf({ ...each, name: each.chain })))
      .filter(({ expr }) => expr.some((statement) => 'drop' in statement || 'reject' in statement))
      .map((each) => ({
        ...placeOf(each, each.chain),
        id: `${keyOf({ ...each, name: each.chain })} ${each.handle}`,
        packets: each.expr.flatMap((statement) => counter.safeParse(statement['counter']).data?.packets ?? [])[0],
        isByState: JSON.stringify(each.expr).includes('"ct":{"key":"state"}'),
      })),
  ];
}

function targetsOf(expr: readonly Readonly<Record<string, unknown>>[]): string[] {
  return expr.flatMap((statement) =>
    ['jump', 'goto'].flatMap((verb) => jump.safeParse(statement[verb]).data?.target ?? []),
  );
}

function keyOf({ family, table, name }: { family: string; table: string; name: string }): string {
  return `${family} ${table} ${name}`;
}

function placeOf({ family, table }: { family: string; table: string }, name: string): Pick<Drop, 'table' | 'chain'> {
  return { table: `${family} ${table}`, chain: name };
}

/** The drops whose counters went up between two looks: those are proven. */
export function risen(before: readonly Drop[], after: readonly Drop[]): Drop[] {
  return after.filter(({ id, packets }) => {
    const was = before.find((each) => each.id === id);
    return packets !== undefined && packets > (was?.packets ?? 0);
  });
}
