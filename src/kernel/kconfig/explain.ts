import { type Reason, reason } from '../check/reason.ts';
import { printSetting } from './config-text.ts';
import { type Expression, evaluate, hasMacro, printExpression, type Tristate } from './expression.ts';
import type { Condition, Definition, Place } from './kconfig.ts';
import {
  activeSelects,
  choiceOf,
  dependenciesOf,
  isOffered,
  type KconfigState,
  levelOf,
  placeText,
  promptConditionsOf,
  unmet,
} from './state.ts';

const LETTERS = ['n', 'm', 'y'] as const;

/** Why a symbol did not reach `level`: its dependencies that are not met, down to what nobody asks for. */
export function whyLower(symbol: string, level: Tristate, state: KconfigState): readonly Reason[] {
  return explainLower(symbol, level, state, new Set());
}

function explainLower(symbol: string, level: Tristate, state: KconfigState, seen: Set<string>): readonly Reason[] {
  if (seen.has(symbol)) return [reason('see above')];
  seen.add(symbol);
  const definitions = state.tree.symbols.get(symbol)?.definitions ?? [];
  const offered = definitions.flatMap((definition) => {
    const conditions = promptConditionsOf(definition);
    return conditions === undefined ? [] : [{ definition, conditions: unmet(conditions, level, state) }];
  });
  if (offered.length === 0) return [withoutPrompt(symbol, definitions, state)];
  const open = offered.find(({ conditions }) => conditions.length === 0);
  if (open !== undefined) return [whyNotTaken(symbol, open.definition, state)];
  const [only] = offered;
  if (offered.length === 1 && only !== undefined) return explainConditions(only.conditions, level, state, seen);
  return offered.map(({ definition, conditions }) =>
    reason(`its entry at ${placeText(definition.place)}:`, explainConditions(conditions, level, state, seen)),
  );
}

/** It is offered and its dependencies hold; yet it is lower than wanted. */
function whyNotTaken(symbol: string, definition: Definition, state: KconfigState): Reason {
  const choice = choiceOf(definition);
  if (choice !== undefined) {
    const taken = choice.members.find((member) => member !== symbol && levelOf(member, state) === 2);
    if (taken !== undefined) {
      return reason(`the choice "${choice.title}" (${placeText(choice.place)}) took ${taken}, ${origin(taken, state)}`);
    }
  }
  const request = state.requests.get(symbol);
  if (request === undefined) return reason('nothing asks for it');
  if (request.value === 'n') return reason(`${printSetting(request)} at ${request.file}:${request.line}`);
  const asked = promptConditionsOf(definition)?.find(({ expression }) => hasMacro(expression));
  if (asked === undefined) return reason(`asked for at ${request.file}:${request.line}, and all it needs is there`);
  return reason(`needs ${printExpression(asked.expression)} (${placeText(asked.place)}), which this compiler refuses`);
}

function withoutPrompt(symbol: string, definitions: readonly Definition[], state: KconfigState): Reason {
  const selects = state.tree.selectors.get(symbol) ?? [];
  const shown = selects.slice(0, 5).map(({ selector, place }) => reason(`${selector} (${placeText(place)})`));
  const more = selects.length > 5 ? [reason(`and ${selects.length - 5} more`)] : [];
  const defaults = definitions
    .flatMap((definition) => definition.defaults)
    .map(({ value, condition, place }) =>
      reason(
        `default ${printExpression(value)}${condition === undefined ? '' : ` if ${printExpression(condition)}`} (${placeText(place)})`,
      ),
    );
  if (shown.length + defaults.length === 0) return reason('has no prompt, and nothing can set it');
  return reason('has no prompt: asking for it does nothing; it is set by', [...shown, ...more, ...defaults]);
}

function explainConditions(
  conditions: readonly Condition[],
  level: Tristate,
  state: KconfigState,
  seen: Set<string>,
): readonly Reason[] {
  return conditions.flatMap(({ expression, place }) => explainExpression(expression, level, place, state, seen));
}

function explainExpression(
  expression: Expression,
  level: Tristate,
  place: Place,
  state: KconfigState,
  seen: Set<string>,
): readonly Reason[] {
  if (evaluate(expression, state.values) >= level) return [];
  switch (expression.kind) {
    case 'symbol':
      return [explainSymbol(expression.name, level, place, state, seen)];
    case 'and':
      return expression.of.flatMap((each) => explainExpression(each, level, place, state, seen));
    case 'or': {
      const each = expression.of.flatMap((one) => explainExpression(one, level, place, state, seen));
      return [reason(`needs one of (${placeText(place)})`, each)];
    }
    case 'not':
      if (expression.of.kind === 'symbol') return [explainForbidden(expression.of.name, place, state)];
      break;
    case 'compare': {
      const { left } = expression;
      const value = left.kind === 'symbol' ? state.values.valueOf(left.name) : '';
      if (left.kind === 'symbol') {
        return [reason(`needs ${printExpression(expression)} (${placeText(place)}), but it is ${value || 'not set'}`)];
      }
    }
  }
  return [reason(`needs ${printExpression(expression)} (${placeText(place)}), which does not hold`)];
}

function explainSymbol(symbol: string, level: Tristate, place: Place, state: KconfigState, seen: Set<string>): Reason {
  if (symbol === 'n') return reason(`depends on n (${placeText(place)}): it is switched off in the source`);
  const wanted = `needs ${symbol}=${state.values.modules ? LETTERS[level] : 'y'} (${placeText(place)})`;
  if (!state.tree.symbols.has(symbol)) return reason(`${wanted}, which nothing defines for ${state.tree.arch}`);
  const now = `${wanted}, which is ${LETTERS[levelOf(symbol, state)]}`;
  const why = explainLower(symbol, level, state, seen);
  const [only] = why;
  // The root cause stands on the line of what it stops.
  const isRoot = only !== undefined && only.below.length === 0 && !only.text.startsWith('needs ');
  if (why.length === 1 && isRoot) return reason(`${now} (${only.text})`);
  return reason(now, why);
}

function explainForbidden(symbol: string, place: Place, state: KconfigState): Reason {
  const now = LETTERS[levelOf(symbol, state)];
  return reason(`needs ${symbol}=n (${placeText(place)}), which is ${now}`, whyHigher(symbol, state));
}

/** Why a symbol is m or y although nobody wants that: who selects it, or which default sets it. */
export function whyHigher(symbol: string, state: KconfigState): readonly Reason[] {
  const selects = activeSelects(symbol, state);
  if (selects.length > 0) {
    return selects.map(({ selector, place }) =>
      reason(
        `${selector} selects it (${placeText(place)}); ${selector} is ${LETTERS[levelOf(selector, state)]}, ${origin(selector, state)}`,
      ),
    );
  }
  const why = reason(origin(symbol, state));
  if (isOffered(symbol, state)) return [why];
  return [why, reason('it cannot be asked for', whyLower(symbol, 1, state))];
}

/** What made a symbol as it is, in a few words. */
function origin(symbol: string, state: KconfigState): string {
  const request = state.requests.get(symbol);
  if (request !== undefined && request.value !== 'n') return `asked for at ${request.file}:${request.line}`;
  const [select] = activeSelects(symbol, state);
  if (select !== undefined) return `selected by ${select.selector} (${placeText(select.place)})`;
  const definitions = state.tree.symbols.get(symbol)?.definitions ?? [];
  const choice = definitions.map(choiceOf).find((each) => each !== undefined);
  if (choice !== undefined) return `the default of the choice "${choice.title}" (${placeText(choice.place)})`;
  const holding = definitions.find((each) => unmet(dependenciesOf(each), 1, state).length === 0);
  const fallback = holding?.defaults.find(
    ({ condition }) => condition === undefined || evaluate(condition, state.values) > 0,
  );
  return fallback === undefined ? 'set by Kconfig' : `by default (${placeText(fallback.place)})`;
}
