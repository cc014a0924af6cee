import { styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];

/** Text in a colour where the stream is a terminal and NO_COLOR (no-color.org) is not set; as it is elsewhere. */
export function styled(format: Format, text: string, stream: { isTTY?: boolean }): string {
  const isPlain = stream.isTTY !== true || Boolean(process.env['NO_COLOR']) || process.env['TERM'] === 'dumb';
  return isPlain ? text : styleText(format, text);
}
