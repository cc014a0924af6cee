/** One symbol and its value as a .config or a fragment writes it: `y`, `m`, `n`, `"text"`, `123`, `0xff`. Without `CONFIG_`. */
export interface ConfigLine {
  readonly symbol: string;
  readonly value: string;
  /** Counts from 1. */
  readonly line: number;
}

export interface ParsedConfig {
  readonly lines: readonly ConfigLine[];
  /** Lines that are neither settings nor comments nor blank. */
  readonly unreadable: readonly { readonly line: number; readonly text: string }[];
}

const SETTING = /^CONFIG_(\w+)=([ymn]|-?\d+|0[xX][\da-fA-F]+|"(?:[^"\\]|\\.)*")$/;
const NOT_SET = /^# CONFIG_(\w+) is not set$/;

/** Parses the text of a .config or a fragment (scripts/kconfig/confdata.c, conf_read_simple). */
export function parseConfigText(text: string): ParsedConfig {
  const lines: ConfigLine[] = [];
  const unreadable: { line: number; text: string }[] = [];
  text.split('\n').forEach((raw, index) => {
    const trimmed = raw.trim();
    const line = index + 1;
    const [, offSymbol] = NOT_SET.exec(trimmed) ?? [];
    const [, symbol, value] = SETTING.exec(trimmed) ?? [];
    if (offSymbol !== undefined) lines.push({ symbol: offSymbol, value: 'n', line });
    else if (symbol !== undefined && value !== undefined) lines.push({ symbol, value, line });
    else if (trimmed !== '' && !trimmed.startsWith('#')) unreadable.push({ line, text: trimmed });
  });
  return { lines, unreadable };
}

/** A whole configuration: symbol → value. A symbol that is absent is n, or has no value. */
export type Config = ReadonlyMap<string, string>;

/** The configuration that a .config holds; the last line of a symbol counts, as in Kconfig. */
export function readConfig(text: string): Config {
  return new Map(parseConfigText(text).lines.map(({ symbol, value }) => [symbol, value]));
}

/** One line, as Kconfig writes it. */
export function printSetting({ symbol, value }: { readonly symbol: string; readonly value: string }): string {
  return value === 'n' ? `# CONFIG_${symbol} is not set` : `CONFIG_${symbol}=${value}`;
}

/** Whether two values mean the same: numbers by value, however they are written; all else by its letters. */
export function isSameValue(a: string, b: string): boolean {
  const number = /^(-?\d+|0[xX][\da-fA-F]+)$/;
  return a === b || (number.test(a) && number.test(b) && BigInt(a) === BigInt(b));
}
