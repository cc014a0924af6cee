import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';

/**
 * Edits a file under its own name, for one that cannot be renamed over. It is read, compared and written without a pause, by one write that leaves nothing of the
 * old text behind: a shorter text is filled up with empty lines, which are cut off afterwards. What somebody appends within those microseconds is lost; what
 * comes before or after is not. Returns whether anything was changed.
 */
export function editInPlace(path: string, edit: (text: string) => string): boolean {
  const file = openSync(path, 'r+');
  try {
    const old = readFileSync(file);
    const text = edit(old.toString('utf8'));
    if (text === old.toString('utf8')) return false;
    const bytes = Buffer.from(text);
    const filled = Buffer.concat([bytes, Buffer.alloc(Math.max(0, old.length - bytes.length), '\n')]);
    writeSync(file, filled, 0, filled.length, 0);
    if (fstatSync(file).size === filled.length) ftruncateSync(file, bytes.length);
    fsyncSync(file);
    return true;
  } finally {
    closeSync(file);
  }
}
