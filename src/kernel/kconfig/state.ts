import type { Request } from '../fragments.ts';
import type { Config } from './config-text.ts';
import { evaluate, type Tristate, tristateOf, type Values } from './expression.ts';
import type { Condition, Definition, KconfigTree, Place, Scope, Select } from './kconfig.ts';

/** What explanations are drawn from: the Kconfig files, a final configuration, and what was asked for. */
export interface KconfigState {
  readonly tree: KconfigTree;
  readonly config: Config;
  readonly requests: ReadonlyMap<string, Request>;
  readonly values: Values;
}

export function kconfigState(tree: KconfigTree, config: Config, requests: readonly Request[]): KconfigState {
  const textOf = (symbol: string): string => {
    const value = config.get(symbol);
    if (value !== undefined) return value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
    const defined = tree.symbols.get(symbol);
    if (defined === undefined) return symbol;
    return defined.type === 'bool' || defined.type === 'tristate' ? 'n' : '';
  };
  return {
    tree,
    config,
    requests: new Map(requests.map((request) => [request.symbol, request])),
    values: { valueOf: textOf, modules: config.get('MODULES') === 'y' },
  };
}

/** n, m or y of a symbol. */
export function levelOf(symbol: string, { values }: KconfigState): Tristate {
  return tristateOf(values.valueOf(symbol), values);
}

/** All that must hold for an entry to count: what is around it, the outermost first, then its own. */
export function dependenciesOf({ scope, depends }: Definition): readonly Condition[] {
  return [...scopesOf(scope).flatMap((each) => each.depends), ...depends];
}

/** All that must hold for an entry to be offered, so that it can be asked for; undefined where it has no prompt. */
export function promptConditionsOf(definition: Definition): readonly Condition[] | undefined {
  if (definition.prompt === undefined) return undefined;
  const visible = scopesOf(definition.scope).flatMap((each) => each.visible);
  return [...dependenciesOf(definition), ...visible, ...definition.prompt.conditions];
}

/** Whether a symbol can be asked for in this configuration: one of its entries has a prompt, and all that it needs. */
export function isOffered(symbol: string, state: KconfigState): boolean {
  return (state.tree.symbols.get(symbol)?.definitions ?? []).some((definition) => {
    const conditions = promptConditionsOf(definition);
    return conditions !== undefined && unmet(conditions, 1, state).length === 0;
  });
}

/** The choice that an entry is a member of, if any. */
export function choiceOf({ scope }: Definition): Scope['choice'] {
  return scopesOf(scope).findLast((each) => each.choice !== undefined)?.choice;
}

function scopesOf(scope: Scope | undefined): readonly Scope[] {
  const scopes: Scope[] = [];
  for (let around = scope; around !== undefined; around = around.parent) scopes.unshift(around);
  return scopes;
}

/** The conditions that come to less than `level`. */
export function unmet(
  conditions: readonly Condition[],
  level: Tristate,
  { values }: KconfigState,
): readonly Condition[] {
  return conditions.filter(({ expression }) => evaluate(expression, values) < level);
}

/** The selects that force a symbol to m or y in this configuration. */
export function activeSelects(symbol: string, state: KconfigState): readonly Select[] {
  return (state.tree.selectors.get(symbol) ?? []).filter(
    ({ selector, definition, own }) =>
      levelOf(selector, state) > 0 && unmet([...dependenciesOf(definition), ...own], 1, state).length === 0,
  );
}

export function placeText({ file, line }: Place): string {
  return `${file}:${line}`;
}
