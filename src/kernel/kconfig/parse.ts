import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError, VmkitError } from '../../core/errors/errors.ts';
import type { Expression } from './expression.ts';
import { parseExpression, type Token, tokenize } from './expression-parse.ts';
import type {
  Choice,
  Condition,
  Default,
  Definition,
  KconfigSymbol,
  KconfigTree,
  Place,
  Range,
  Scope,
  Select,
  SymbolType,
} from './kconfig.ts';
import { kconfigLines } from './lines.ts';
import { expandVariables, readAssignment } from './macros.ts';

interface OpenDefinition extends Definition {
  readonly symbol: OpenSymbol;
  prompt: { readonly conditions: Condition[] } | undefined;
  readonly depends: Condition[];
  readonly defaults: Default[];
  readonly ranges: Range[];
}

interface OpenSymbol extends KconfigSymbol {
  type: SymbolType | undefined;
  readonly definitions: OpenDefinition[];
}

interface OpenScope extends Scope {
  readonly parent: OpenScope | undefined;
  readonly depends: Condition[];
  readonly visible: Condition[];
  readonly choice: (Choice & { title: string; readonly members: string[] }) | undefined;
}

/** Reads a Kconfig file and all that it sources. `variables` are those of the makefiles. */
export function parseKconfig(
  folder: string,
  file: string,
  variables: Map<string, string>,
): Pick<KconfigTree, 'symbols' | 'selectors'> {
  const symbols = new Map<string, OpenSymbol>();
  const selectors = new Map<string, Select[]>();
  let scope: OpenScope | undefined;
  /** What attributes belong to. Those of a `comment` belong to nothing that counts. */
  let entry: OpenDefinition | OpenScope | undefined;

  const readFile = (path: string, isOptional: boolean): void => {
    const text = readSource(folder, path, isOptional);
    if (text === undefined) return;
    for (const { text: line, number } of kconfigLines(text)) {
      const expanded = expandVariables(line, variables);
      if (expanded.startsWith('$(') || readAssignment(line, variables)) continue;
      readLine(tokenize(expanded), { file: path, line: number });
    }
  };

  const readLine = (tokens: readonly Token[], place: Place): void => {
    const [first] = tokens;
    const rest = tokens.slice(1);
    switch (first?.text) {
      case 'config':
      case 'menuconfig':
        entry = openDefinition(rest[0]?.text ?? '', place);
        return;
      case 'menu':
      case 'choice':
      case 'if':
        scope = entry = openScope(first.text, rest, place);
        return;
      case 'endmenu':
      case 'endchoice':
      case 'endif':
        scope = scope?.parent;
        entry = undefined;
        return;
      case 'comment':
      case 'mainmenu':
        entry = undefined;
        return;
      case 'source':
      case 'osource':
      case 'rsource':
      case 'orsource': {
        const isRelative = first.text.endsWith('rsource');
        const path = rest[0]?.text ?? '';
        entry = undefined;
        readFile(isRelative ? join(place.file, '..', path) : path, first.text.startsWith('o'));
        return;
      }
    }
    if (first !== undefined && entry !== undefined) readAttribute(entry, first.text, rest, place);
  };

  const openDefinition = (name: string, place: Place): OpenDefinition => {
    const symbol = symbols.get(name) ?? { name, type: undefined, definitions: [] };
    symbols.set(name, symbol);
    const definition = { place, symbol, prompt: undefined, depends: [], scope, defaults: [], ranges: [] };
    symbol.definitions.push(definition);
    choiceOf(scope)?.members.push(name);
    return definition;
  };

  const openScope = (kind: string, tokens: readonly Token[], place: Place): OpenScope => ({
    parent: scope,
    depends: kind === 'if' ? conditionsOf(tokens, place) : [],
    visible: [],
    choice: kind === 'choice' ? { place, title: '', members: [] } : undefined,
  });

  const readAttribute = (
    to: OpenDefinition | OpenScope,
    keyword: string,
    tokens: readonly Token[],
    place: Place,
  ): void => {
    if (keyword === 'depends' && tokens[0]?.text === 'on') to.depends.push(...conditionsOf(tokens.slice(1), place));
    else if ('symbol' in to) readDefinitionAttribute(to, keyword, tokens, place);
    else if (keyword === 'visible') to.visible.push(...conditionsOf(tokens.slice(1), place));
    else if (to.choice !== undefined && ['prompt', 'bool', 'tristate'].includes(keyword) && tokens.length > 0) {
      to.choice.title = tokens[0]?.text ?? '';
      to.depends.push(...conditionsOf(afterIf(tokens), place));
    }
  };

  const readDefinitionAttribute = (
    to: OpenDefinition,
    keyword: string,
    tokens: readonly Token[],
    place: Place,
  ): void => {
    const type = SYMBOL_TYPES[keyword];
    if (type !== undefined) to.symbol.type = type;
    if ((type !== undefined && !keyword.startsWith('def_')) || keyword === 'prompt') {
      if (tokens.length === 0) return;
      to.prompt = { conditions: conditionsOf(afterIf(tokens), place) };
    } else if (type !== undefined || keyword === 'default') {
      const value = parseExpression(tokens);
      if (value !== undefined) {
        to.defaults.push({ place, value: value.expression, condition: conditionOf(value.rest) });
      }
    } else if (keyword === 'select') {
      const [target] = tokens;
      const list = selectors.get(target?.text ?? '') ?? [];
      selectors.set(target?.text ?? '', list);
      const own = conditionsOf(afterIf(tokens), place);
      list.push({ place, selector: to.symbol.name, definition: to, own });
    } else if (keyword === 'range') {
      const low = parseExpression(tokens);
      const high = low && parseExpression(low.rest);
      if (low === undefined || high === undefined) return;
      const range = { place, low: low.expression, high: high.expression, condition: conditionOf(high.rest) };
      to.ranges.push(range);
    }
  };

  readFile(file, false);
  return { symbols, selectors };
}

function choiceOf(scope: OpenScope | undefined): OpenScope['choice'] {
  let around = scope;
  while (around !== undefined && around.choice === undefined) around = around.parent;
  return around?.choice;
}

const SYMBOL_TYPES: Readonly<Record<string, SymbolType>> = {
  bool: 'bool',
  def_bool: 'bool',
  tristate: 'tristate',
  def_tristate: 'tristate',
  string: 'string',
  int: 'int',
  hex: 'hex',
};

function conditionsOf(tokens: readonly Token[], place: Place): Condition[] {
  const expression = parseExpression(tokens)?.expression;
  return expression === undefined ? [] : [{ place, expression }];
}

/** What follows the first `if`. */
function afterIf(tokens: readonly Token[]): readonly Token[] {
  const at = tokens.findIndex((token) => token.kind === 'word' && token.text === 'if');
  return at < 0 ? [] : tokens.slice(at + 1);
}

function conditionOf(tokens: readonly Token[]): Expression | undefined {
  return parseExpression(afterIf(tokens))?.expression;
}

function readSource(folder: string, path: string, isOptional: boolean): string | undefined {
  try {
    return readFileSync(join(folder, path), 'utf8');
  } catch (error) {
    if (isOptional && isSystemError(error, 'ENOENT')) return undefined;
    throw new VmkitError('build', 'kconfig-unreadable', `${join(folder, path)} could not be read.`, {
      cause: error,
      hint: 'Is this a whole source tree of linux?',
    });
  }
}
