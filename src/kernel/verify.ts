import { VmkitError } from '../core/errors/errors.ts';
import { nearest } from '../core/text/nearest.ts';
import { findDead, partnersText } from './check/find-dead.ts';
import { printReasons, type Reason, reason } from './check/reason.ts';
import type { Request } from './fragments.ts';
import { type Config, isSameValue, printSetting, readConfig } from './kconfig/config-text.ts';
import { whyHigher, whyLower } from './kconfig/explain.ts';
import { evaluate } from './kconfig/expression.ts';
import type { KconfigSymbol, KconfigTree, SymbolType } from './kconfig/kconfig.ts';
import { RENAMED_SYMBOLS } from './kconfig/renamed-symbols.ts';
import { dependenciesOf, isOffered, type KconfigState, kconfigState, placeText, unmet } from './kconfig/state.ts';
import { readKconfigTree } from './kconfig/tree.ts';

/** A request that the kernel cannot fulfil, or did not. */
export interface ConfigProblem {
  readonly request: Request;
  /** One sentence: `EROFS_FS=y became n`. */
  readonly message: string;
  /** Why, from the request down to the root cause. */
  readonly reasons: readonly Reason[];
}

/** Requests for symbols that the tree does not define for its architecture, and values that a symbol cannot have. Before any make. */
export function checkDefined(requests: readonly Request[], tree: KconfigTree): readonly ConfigProblem[] {
  return requests.flatMap((request) => {
    const symbol = tree.symbols.get(request.symbol);
    if (symbol === undefined) return [undefinedSymbol(request, tree)];
    if (symbol.type === undefined || fits(request.value, symbol.type)) return [];
    const message = `${request.symbol}=${request.value}: it is ${VALUES[symbol.type]}`;
    return [{ request, message, reasons: symbol.definitions.map(({ place }) => reason(placeText(place))) }];
  });
}

function undefinedSymbol(request: Request, tree: KconfigTree): ConfigProblem {
  const { symbol } = request;
  const message = `${symbol}: this linux has no such symbol for ${tree.arch}`;
  const renamed = RENAMED_SYMBOLS.get(symbol);
  if (renamed !== undefined) return { request, message, reasons: [reason(renamed)] };
  const other = tree.arch === 'arm64' ? 'x86_64' : 'arm64';
  const place = readKconfigTree(tree.folder, other).symbols.get(symbol)?.definitions[0]?.place;
  if (place !== undefined)
    return { request, message, reasons: [reason(`it is defined for ${other} (${placeText(place)})`)] };
  const meant = nearest(symbol, tree.symbols.keys());
  return { request, message, reasons: meant === undefined ? [] : [reason(`did you mean ${meant}?`)] };
}

const VALUES: Readonly<Record<SymbolType, string>> = {
  bool: 'a switch: y or n',
  tristate: 'a switch: y, m or n',
  string: 'a text in double quotes',
  int: 'a whole number',
  hex: 'a hexadecimal number: 0x...',
};

function fits(value: string, type: SymbolType): boolean {
  switch (type) {
    case 'bool':
      return /^[yn]$/.test(value);
    case 'tristate':
      return /^[ymn]$/.test(value);
    case 'string':
      return value.startsWith('"');
    case 'int':
      return /^-?\d+$/.test(value);
    case 'hex':
      return /^(0[xX])?[\da-fA-F]+$/.test(value);
  }
}

/**
 * Requests that the final .config (its text) does not hold, and those that it holds and that would do nothing. After allnoconfig or
 * olddefconfig, before the compiler. `requests` must have passed `checkDefined`.
 */
export function verifyConfig(
  requests: readonly Request[],
  finalConfig: string,
  tree: KconfigTree,
): readonly ConfigProblem[] {
  const state = kconfigState(tree, readConfig(finalConfig), requests);
  const lost = requests.flatMap((request) => {
    const symbol = tree.symbols.get(request.symbol);
    return symbol === undefined ? [] : verifyRequest(request, symbol, state);
  });
  return [...lost, ...deadRequests(requests, state)];
}

function deadRequests(requests: readonly Request[], { config }: KconfigState): readonly ConfigProblem[] {
  return findDead(config).flatMap((dead) => {
    const request = requests.find(({ symbol }) => symbol === dead.symbol);
    if (request === undefined) return [];
    const message = `${printSetting(request)} does nothing alone: ${dead.reason}`;
    return [{ request, message, reasons: [reason(`needs ${partnersText(dead)} (${dead.source})`)] }];
  });
}

function verifyRequest(request: Request, symbol: KconfigSymbol, state: KconfigState): readonly ConfigProblem[] {
  const { value } = request;
  if (value === 'm' && !state.values.modules) {
    const message = `${request.symbol}=m: this kernel has no modules, so it would be lost`;
    return [{ request, message, reasons: [reason('ask for =y, or for MODULES=y')] }];
  }
  const final = finalValue(symbol, state.config);
  if (final !== undefined && isSameValue(final, value)) return [];
  const message = `${request.symbol}=${value} ${final === undefined ? 'is not in the configuration' : `became ${final}`}`;
  return [{ request, message, reasons: reasonsFor(value, symbol, state) }];
}

function finalValue({ name, type }: KconfigSymbol, config: Config): string | undefined {
  return config.get(name) ?? (type === 'bool' || type === 'tristate' ? 'n' : undefined);
}

function reasonsFor(value: string, symbol: KconfigSymbol, state: KconfigState): readonly Reason[] {
  if (value === 'n') return whyHigher(symbol.name, state);
  if (value === 'm' || value === 'y') {
    const isHigher = value === 'm' && state.config.get(symbol.name) === 'y';
    return isHigher ? whyHigher(symbol.name, state) : whyLower(symbol.name, value === 'm' ? 1 : 2, state);
  }
  return isOffered(symbol.name, state) ? outOfRange(symbol, state) : whyLower(symbol.name, 1, state);
}

function outOfRange({ definitions }: KconfigSymbol, state: KconfigState): readonly Reason[] {
  const { values } = state;
  const ranges = definitions
    .filter((definition) => unmet(dependenciesOf(definition), 1, state).length === 0)
    .flatMap((definition) => definition.ranges)
    .filter(({ condition }) => condition === undefined || evaluate(condition, values) > 0);
  const bound = (operand: Reason['text']): string => values.valueOf(operand);
  return ranges.slice(0, 1).map(({ low, high, place }) => {
    const [from, to] = [low, high].map((each) => (each.kind === 'symbol' ? bound(each.name) : '?'));
    return reason(`its range is ${from} to ${to} (${placeText(place)})`);
  });
}

/** Throws one `kernel-config-unmet` (kind build) that tells all problems; nothing where there are none. */
export function refuseProblems(problems: readonly ConfigProblem[]): void {
  if (problems.length === 0) return;
  const byPlace = problems.toSorted((a, b) => {
    const isSameFile = a.request.file === b.request.file;
    return isSameFile ? a.request.line - b.request.line : a.request.file < b.request.file ? -1 : 1;
  });
  const told = byPlace.map(({ request, message, reasons }) =>
    [`${request.file}:${request.line}: ${message}`, ...printReasons(reasons, '  ')].join('\n'),
  );
  const count = problems.length === 1 ? '1 request' : `${problems.length} requests`;
  throw new VmkitError('build', 'kernel-config-unmet', `The kernel would lack ${count}.\n${told.join('\n')}`, {
    hint: 'Add the options that each line lacks, or remove the request from its fragment. Nothing was compiled.',
    details: { problems: byPlace },
  });
}
