/** An element of XML; its content is other elements, or text. */
export interface Xml {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly content: readonly Xml[] | string;
}

export function element(name: string, attributes: Xml['attributes'] = {}, content: Xml['content'] = []): Xml {
  return { name, attributes, content };
}

/** An element a line, two spaces a level. */
export function xmlText(xml: Xml): string {
  return linesOf(xml, '')
    .map((line) => `${line}\n`)
    .join('');
}

function linesOf({ name, attributes, content }: Xml, indent: string): string[] {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}='${escaped(value)}'`);
  const start = `${indent}<${name}${written.join('')}`;
  if (content.length === 0) return [`${start}/>`];
  if (typeof content === 'string') return [`${start}>${escaped(content)}</${name}>`];
  return [`${start}>`, ...content.flatMap((child) => linesOf(child, `${indent}  `)), `${indent}</${name}>`];
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&apos;' };

function escaped(text: string): string {
  return text.replace(/[&<>']/g, (character) => ENTITIES[character] ?? '');
}
