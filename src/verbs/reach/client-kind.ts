import type { VmSpec } from '../../spec/vm-spec.ts';
import type { VerbContext } from '../step.ts';

/** A kind of tunnel that has clients with keys of their own. */
export interface ClientKind {
  /** Of the clients that a definition has; empty where it has no such tunnel. */
  names(spec: VmSpec): readonly string[];
  /** A client's configuration, its private key included. `name` is one of the names. Throws `client-without-key`. */
  configure(spec: VmSpec, name: string, context: VerbContext): Promise<string>;
}
