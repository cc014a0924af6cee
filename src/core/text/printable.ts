/** A line of a terminal's text that is longer is cut: nobody reads on, and a terminal wraps it over many screens. */
const LONGEST_LINE = 4_000;

/**
 * What a reader does not see and a terminal or a browser obeys (Unicode, 4.5, general categories): control characters but newline and tab, so every escape
 * sequence begins with one; format characters, such as the overrides of the writing direction; line and paragraph separators; halves of a surrogate pair.
 */
const HARMFUL = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * Text of unknown origin made harmless for a terminal, a page or a file: what would be obeyed is shown instead, as `\x1b` or `\u202e`. A carriage return
 * before a newline goes. Lines longer than `longestLine` characters are cut, and say so. Whatever shows a text applies this last, so that nobody before it can forget.
 */
export function printable(text: string, longestLine = LONGEST_LINE): string {
  return text
    .replaceAll(/\r+\n/g, '\n')
    .replaceAll(HARMFUL, shown)
    .split('\n')
    .map((line) => cut(line, longestLine))
    .join('\n');
}

/** The same for one line: a newline and a tab are blanks. */
export function printableLine(text: string): string {
  return printable(text.replaceAll(/[\r\n\t]+/g, ' ').trim());
}

/** A value as JSON that holds no such characters raw, either: JSON.stringify escapes only a part of them. A reader of JSON gets the very same value. */
export function printableJson(value: unknown, indent?: number): string {
  return (JSON.stringify(value, null, indent) ?? 'null').replaceAll(HARMFUL, (character) =>
    character.split('').map(escapeUnit).join(''),
  );
}

function cut(line: string, longest: number): string {
  if (line.length <= longest) return line;
  // What is left is short enough to be shown a second time; a surrogate pair stays whole.
  const short = longest - 40;
  const end = /[\ud800-\udbff]/.test(line.charAt(short - 1)) ? short - 1 : short;
  return `${line.slice(0, end)}… (${line.length - end} more characters)`;
}

function shown(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code > 0xffff ? `\\u{${code.toString(16)}}` : escapeUnit(character);
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
