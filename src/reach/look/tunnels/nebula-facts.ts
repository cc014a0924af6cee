import * as z from 'zod';
import { GUEST } from '../../../core/guest-paths.ts';
import { parseJson } from '../../../core/text/json.ts';
import type { DialEnd } from '../../../net/dial.ts';
import type { NebulaNode } from '../../../spec/service.ts';
import type { Observation } from '../../observation.ts';

/** What is looked at in a guest that is a node of Nebula. */
export const NEBULA_COMMANDS = {
  nebulaSocket: 'ss -Hlunp',
  nebulaCertificate: `nebula-cert print -json -path ${GUEST.secrets}/nebula/host.crt`,
  nebulaLog: `${GUEST.busybox} tail -n 20 ${GUEST.logs}/nebula/current`,
};

/** A machine as a node of an overlay of its own. */
export interface NebulaFacts {
  readonly node: NebulaNode;
  /** Whether this host's UDP port was made to lead to the machine; QEMU does it by itself where the user network leads out. */
  readonly isForwarded: boolean;
  /** A client of vmkit's own; undefined: nobody tried, and perhaps why not. */
  readonly client: NebulaClientFacts | undefined;
  readonly whyUntried: string | undefined;
}

export interface NebulaClientFacts {
  /** `node probe, 10.89.0.254`. */
  readonly title: string;
  /** A packet of a tunnel that nobody knows, to which Nebula answers (recv_error). */
  readonly ask: Observation;
  /** The UDP port of this computer that its datagrams were sent from. */
  readonly sentFrom: number;
  /** Its own, in the overlay; undefined: it had none. */
  readonly address: string | undefined;
  /** What the client's nebula said. */
  readonly handshake: Observation;
  readonly dial: Omit<DialEnd, 'text'> & { readonly observation: Observation };
  /** What the guest's nebula said meanwhile; looked at where there was no handshake, or no answer. */
  readonly guestLog: Observation | undefined;
  /** The same from before the client began; undefined where the guest did not tell in time. */
  readonly logBefore: Observation | undefined;
}

/** `nebula-cert print -json` (cert/cert.go, MarshalJSON). */
const certificateSchema = z.object({ details: z.object({ notBefore: z.string(), notAfter: z.string() }) });

/** When a certificate is valid, Unix seconds; undefined where it could not be read. */
export function validityOf(printed: string | undefined): { from: number; to: number } | undefined {
  const details = parseJson(printed, certificateSchema)?.details;
  if (details === undefined) return undefined;
  return { from: Date.parse(details.notBefore) / 1000, to: Date.parse(details.notAfter) / 1000 };
}

/** A line of nebula's log without its fields but `error` (logrus, text format): `Invalid certificate from host: certificate is expired`. */
export function toldBy(line: string): string {
  const [, message = line] = /msg="([^"]*)"/.exec(line) ?? [];
  const [, error] = / error="([^"]*)"/.exec(line) ?? [];
  return error === undefined ? message : `${message}: ${error}`;
}
