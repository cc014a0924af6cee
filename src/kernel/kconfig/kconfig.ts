import type { Arch } from '../../core/arch.ts';
import type { Expression } from './expression.ts';

/** A place in the source tree: a path below its root, and a line that counts from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** An expression that must hold, and the line that says so. */
export interface Condition {
  readonly place: Place;
  readonly expression: Expression;
}

export type SymbolType = 'bool' | 'tristate' | 'string' | 'int' | 'hex';

/** `choice`: at most one of its members is y. */
export interface Choice {
  readonly place: Place;
  readonly title: string;
  readonly members: readonly string[];
}

/** A menu, a choice or an `if`: what holds for all that is in it. */
export interface Scope {
  readonly parent: Scope | undefined;
  readonly depends: readonly Condition[];
  /** `visible if` of a menu: limits prompts only. */
  readonly visible: readonly Condition[];
  readonly choice: Choice | undefined;
}

/** One `config` entry. A symbol may have several, in several files. */
export interface Definition {
  readonly place: Place;
  /** Present where a person, or a fragment, may set it: what its prompt needs beside all dependencies. */
  readonly prompt: { readonly conditions: readonly Condition[] } | undefined;
  /** Its own `depends on`, without those of the scopes around it. */
  readonly depends: readonly Condition[];
  readonly scope: Scope | undefined;
  readonly defaults: readonly Default[];
  readonly ranges: readonly Range[];
}

export interface Default {
  readonly place: Place;
  readonly value: Expression;
  readonly condition: Expression | undefined;
}

export interface Range {
  readonly place: Place;
  readonly low: Expression;
  readonly high: Expression;
  readonly condition: Expression | undefined;
}

/** `selector` makes a symbol y, asking nobody, where the selector is y in this definition and its own `if` holds. */
export interface Select {
  readonly place: Place;
  readonly selector: string;
  readonly definition: Definition;
  readonly own: readonly Condition[];
}

export interface KconfigSymbol {
  readonly name: string;
  readonly type: SymbolType | undefined;
  readonly definitions: readonly Definition[];
}

/** All Kconfig files of a source tree, read for one architecture. */
export interface KconfigTree {
  readonly folder: string;
  readonly arch: Arch;
  readonly symbols: ReadonlyMap<string, KconfigSymbol>;
  readonly selectors: ReadonlyMap<string, readonly Select[]>;
}
