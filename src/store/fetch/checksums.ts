/**
 * File name → SHA-256 of a published checksum file: lines `HEX  NAME` or `HEX *NAME` as sha256sum(1) writes them; a line with
 * a digest alone is stored under ''. Everything else (the PGP frame of sha256sums.asc, comments) is passed over.
 */
export function parseChecksums(text: string): ReadonlyMap<string, string> {
  const checksums = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([0-9a-fA-F]{64})(?:[ \t]+\*?(\S.*?))?\s*$/.exec(line);
    if (match?.[1] !== undefined) checksums.set(match[2] ?? '', match[1].toLowerCase());
  }
  return checksums;
}
