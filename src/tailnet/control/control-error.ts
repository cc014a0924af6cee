import { VmkitError } from '../../core/errors/errors.ts';

export interface ApiRequest {
  /** For errors: `making a key`. */
  readonly doing: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Sent twice, it does the same as once, although it is a POST. */
  readonly isRepeatable?: true;
}

export interface Refusal {
  readonly status: number;
  readonly text: string;
  /** Milliseconds by which its clock is ahead of ours. */
  readonly aheadMs?: number;
}

/** In milliseconds: a token or a certificate may be refused for it. */
const CLOCK_OFF_MS = 5 * 60_000;

interface Known {
  readonly when: (refusal: Refusal) => boolean;
  readonly says: string;
  readonly hint: string;
}

/** What the answers of the control servers mean, the most telling first. */
const KNOWN: readonly Known[] = [
  {
    when: ({ aheadMs = 0 }) => Math.abs(aheadMs) > CLOCK_OFF_MS,
    says: 'the clocks of this computer and of the server are minutes apart',
    hint: "Set this computer's clock: timedatectl set-ntp true",
  },
  {
    when: ({ text }) =>
      /\btags?\b.*(invalid|not permitted|not owned|not defined|unauthori[sz]ed)|may not assign tag|must create tagged/i.test(
        text,
      ),
    says: 'the tag is not one that these credentials may give',
    hint: 'Name it under tagOwners in the access rules, and give the OAuth client that tag or one that owns it.',
  },
  {
    when: ({ text }) => /\binvalid tag\b|\btag (should|must) be\b/i.test(text),
    says: 'the tag is not written as a tag is',
    hint: 'A tag is lower case letters, digits and dashes, such as tag:server, and named under tagOwners in the access rules.',
  },
  {
    when: ({ status, text }) => status === 403 || /scope|permission/i.test(text),
    says: 'these credentials may not do that',
    hint: 'An OAuth client needs the scope auth_keys to make keys, and devices:core to list and remove nodes.',
  },
  {
    when: ({ status }) => status === 401,
    says: 'the credentials are not accepted',
    hint: 'They may have expired or been taken back: make new ones in the admin console.',
  },
  {
    when: ({ status }) => status === 404,
    says: 'there is no such tailnet, or no such node',
    hint: 'TS_TAILNET names the tailnet; without it, that of the credentials is taken.',
  },
];

/** Why a control server refused. What it said is told, cut short; a secret of ours is never in it. */
export function explainRefusal({ doing, url }: ApiRequest, refusal: Refusal): VmkitError {
  const known = meaningOf(refusal);
  const words = said(refusal.text);
  const message = `${doing}: ${new URL(url).host} refused: ${known?.says ?? `status ${refusal.status}`}${words === '' ? '' : ` (it said: ${words})`}.`;
  return new VmkitError('unreachable', 'control-refused', message, {
    hint: known?.hint ?? 'Run the same with -v, and look at what the server says.',
    details: { status: refusal.status },
  });
}

/** `isUnknown`: nobody knows whether it was done. */
export function unreachable({ doing, url }: ApiRequest, why: string, isUnknown: boolean): VmkitError {
  return new VmkitError('unreachable', 'control-unreachable', `${doing} failed at ${new URL(url).host}: ${why}.`, {
    hint: isUnknown
      ? 'It may have been made all the same: look in the admin console before you make another.'
      : 'Is there a network, and is the address right? Nothing was changed.',
  });
}

/** What is known of such a refusal. */
export function meaningOf(refusal: Refusal): Pick<Known, 'says' | 'hint'> | undefined {
  return KNOWN.find(({ when }) => when(refusal));
}

/** The messages in an answer, as its server has them (RFC 9457 has several), on one line, short, and without a key. */
export function said(text: string): string {
  const found = [...text.matchAll(/"(?:message|detail|error_description|error)"\s*:\s*"((?:[^"\\]|\\.)*)"/g)];
  const words = found.length === 0 ? text : [...new Set(found.map(([, each]) => each))].join(': ');
  // A server may say a key back.
  return words
    .replace(/\b(tskey|hskey)-[\w-]+/g, '$1-…')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 200);
}
