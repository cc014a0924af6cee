import { printable } from '../../core/text/printable.ts';

/** Text of unknown origin in HTML, in an element or between quotes (HTML, 13.1.2). */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return printable(text).replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
