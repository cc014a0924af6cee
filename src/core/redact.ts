/** Replaces every known secret in a text. Secrets under four characters are not worth replacing: they would hide the text. */
export function redact(text: string, secrets: Iterable<string>): string {
  let redacted = text;
  // The longest first: a secret may hold another one.
  for (const secret of [...secrets].sort((a, b) => b.length - a.length)) {
    if (secret.length >= 4) redacted = redacted.replaceAll(secret, '[redacted]');
  }
  return redacted;
}
