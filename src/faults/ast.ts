/** What a line of the fault language says, as plain data: no positions, no defaults left open. */

import type { State } from '../tcp/state.ts';

export type Direction = 'in' | 'out';
/** Which way the packets go that a rule is about: `in` is toward our stack. */
export type Directions = Direction | 'both';

export const VERBS = [
  'drop',
  'delay',
  'reorder',
  'dup',
  'corrupt',
  'copy',
  'hold',
  'rate',
  'cut',
  'mutate',
  'reset',
] as const;
export type Verb = (typeof VERBS)[number];

export const COMPARISONS = ['==', '!=', '<', '<=', '>', '>='] as const;
export type Comparison = (typeof COMPARISONS)[number];

/** Words that are true or false of a packet. */
export const FLAG_WORDS = [
  'syn',
  'fin',
  'rst',
  'psh',
  'ack',
  'urg',
  'ece',
  'cwr',
  'ack-only',
  'data',
  'retrans',
  'old',
  'tcp',
  'icmp',
] as const;
export type FlagWord = (typeof FLAG_WORDS)[number];

/** What can be compared with a number. */
export const NUMBER_FIELDS = [
  'seq',
  'end',
  'ack',
  'len',
  'win',
  'up',
  'ttl',
  'tos',
  'size',
  'mss',
  'port',
  'sport',
  'dport',
  'inc',
] as const;
export type NumberField = (typeof NUMBER_FIELDS)[number];

/** Sequence numbers of the connection that have a name: those of its first and of its second FIN. */
export const VARIABLES = ['u', 'w'] as const;
export type Variable = (typeof VARIABLES)[number];

/** A number, or a variable and what is added to it. */
export interface Value {
  readonly variable: Variable | null;
  readonly number: number;
}

export type Predicate =
  | { readonly kind: 'flag'; readonly word: FlagWord }
  | {
      readonly kind: 'number';
      readonly field: NumberField;
      readonly comparison: Comparison;
      readonly value: Value;
    }
  /** `nth` of all segments, or of those for which `of` holds. */
  | {
      readonly kind: 'nth';
      readonly of: Predicate | null;
      readonly comparison: Comparison;
      readonly count: number;
    }
  | {
      readonly kind: 'state';
      readonly whose: 'state' | 'peer-state';
      readonly equal: boolean;
      readonly state: State;
    }
  | { readonly kind: 'conn'; readonly equal: boolean; readonly id: number }
  /** µs since the last segment of the connection that passed. */
  | { readonly kind: 'idle'; readonly comparison: Comparison; readonly duration: number }
  | { readonly kind: 'not'; readonly of: Predicate }
  | { readonly kind: 'and' | 'or'; readonly left: Predicate; readonly right: Predicate };

/** What `mutate` can set. */
export const MUTABLE_FIELDS = [
  'seq',
  'ack',
  'win',
  'flags',
  'ttl',
  'tos',
  'urg',
  'mss',
  'wscale',
  'tsval',
  'tsecr',
] as const;
export type MutableField = (typeof MUTABLE_FIELDS)[number];

export interface Assignment {
  readonly field: MutableField;
  readonly operator: '=' | '+=' | '-=';
  /** For flags: the bits. */
  readonly value: Value;
}

/** One rule. What its verb does not use has the value given here as "none". */
export interface Rule {
  readonly verb: Verb;
  readonly directions: Directions;
  /** Null: every packet. */
  readonly where: Predicate | null;
  /** Hits after which it is over; null: never. */
  readonly times: number | null;
  /** 1: always. */
  readonly probability: number;
  /** Null: made from the stack's seed and the rule's number. */
  readonly seed: number | null;
  /** µs after which it is over; null: never. */
  readonly lifetime: number | null;
  /** `delay`, `rate`: µs. `dup`: how much later the copy is. Else 0. */
  readonly delay: number;
  /** `delay`, `rate`: up to so much more, µs. Else 0. */
  readonly jitter: number;
  /** `reorder`: packets that overtake. Else 0. */
  readonly gap: number;
  /** `rate`: bits per second. Else 0. */
  readonly rate: number;
  /** `rate`: packets that wait. Else 0. */
  readonly queue: number;
  /** `copy`, `hold`: the name it is kept under. Else null. */
  readonly name: string | null;
  /** `mutate`. Else empty. */
  readonly set: readonly Assignment[];
}

/** What to forge: everything not given is what the connection's end would send next. */
export interface Forgery {
  readonly kind: 'forge';
  readonly direction: Direction;
  /** The connection's number, or null where both ends are given. */
  readonly conn: number | null;
  readonly from: Endpoint | null;
  readonly to: Endpoint | null;
  readonly flags: number;
  readonly set: readonly Assignment[];
  readonly data: string;
  /** µs from now. */
  readonly at: number;
}

export interface Endpoint {
  /** int32. */
  readonly address: number;
  readonly port: number;
}

export type Line =
  | { readonly kind: 'rule'; readonly rule: Rule }
  | { readonly kind: 'preset'; readonly name: string }
  | { readonly kind: 'inject'; readonly name: string; readonly at: number }
  | { readonly kind: 'release'; readonly name: string }
  | Forgery;
