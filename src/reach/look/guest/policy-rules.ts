/** One line of `ip rule show`. */
interface PolicyRule {
  readonly preference: number;
  readonly text: string;
}

/** Tailscale's first rule (wgengine/router/osrouter: 5210 to 5270). */
const TAILSCALE_FIRST = 5210;

function parseRules(text: string): PolicyRule[] {
  return text.split('\n').flatMap((line) => {
    const [, preference, rule] = /^(\d+):\s*(.*)$/.exec(line.trim()) ?? [];
    return preference === undefined || rule === undefined ? [] : [{ preference: Number(preference), text: rule }];
  });
}

/**
 * Why a packet for this machine itself might not be found to be: `lookup local` must be asked before any rule of Tailscale's, or a marked packet goes out.
 * Undefined when all is well.
 */
export function whyNotLocalFirst(text: string): string | undefined {
  const rules = parseRules(text);
  const local = rules.find((rule) => rule.text === 'from all lookup local');
  if (local === undefined) return 'there is no rule `from all lookup local`';
  if (local.preference < TAILSCALE_FIRST) return undefined;
  const before = rules.find((rule) => rule.preference < local.preference);
  return before === undefined
    ? undefined
    : `\`${local.preference}: ${local.text}\` comes after \`${before.preference}: ${before.text}\``;
}
