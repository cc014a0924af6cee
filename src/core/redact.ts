/** Replaces every known secret in a text. Secrets under four characters are not worth replacing: they would hide the text. */
export function redact(text: string, secrets: Iterable<string>): string {
  let redacted = text;
  for (const secret of secrets) {
    if (secret.length >= 4) redacted = redacted.replaceAll(secret, '[redacted]');
  }
  return redacted;
}
