/** What a line of `expect` says, once it is understood. */

export type Side = 'K' | 'S';

/** A number, a variable plus a number, or any. */
export type Value =
  | { readonly kind: 'any' }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'variable'; readonly name: string; readonly plus: number };

/** ms. */
export interface Span {
  readonly least: number;
  readonly most: number;
}

/** What happened to a segment on its way, or how it was judged. */
export const MARKS = [
  'LOST',
  'DELAYED',
  'HELD',
  'COPIED',
  'INJECTED',
  'MUTATED',
  'CORRUPTED',
  'RETRANS',
  'ACCEPTED',
  'DUPLICATE',
  'PARTIAL',
  'QUEUED',
  'DROPPED',
] as const;
export type Mark = (typeof MARKS)[number];

export interface Arrow {
  readonly kind: 'arrow';
  readonly from: Side;
  /** Null: any. */
  readonly flags: readonly string[] | null;
  readonly seq: Value | null;
  /** One past the last byte of text. */
  readonly end: Value | null;
  readonly ack: Value | null;
  readonly fields: readonly Field[];
  readonly marks: readonly Mark[];
  readonly conn: string | null;
}

/** `win 0`, `len >0`, `mss 1460`, `sack 3-5`, `trigger rto`, `reason TCP_CSUM`, `inc 2`. */
export interface Field {
  readonly name: FieldName;
  readonly op: '=' | '<' | '>' | '<=' | '>=' | '!=';
  readonly value: Value | string;
}
export const FIELDS = [
  'win',
  'len',
  'mss',
  'wscale',
  'inc',
  'port',
  'sack',
  'trigger',
  'reason',
  'copy',
] as const;
export type FieldName = (typeof FIELDS)[number];

/** Something that is no segment. */
export type Happening =
  | { readonly kind: 'state'; readonly side: Side; readonly state: string; readonly conn: string | null }
  | {
      readonly kind: 'timer';
      readonly timer: string;
      readonly what: 'armed' | 'restarted' | 'cancelled' | 'fired';
      /** ms. */
      readonly after: Span | null;
    }
  | { readonly kind: 'closed'; readonly reason: string }
  | { readonly kind: 'app'; readonly call: string; readonly bytes: Value | null }
  | { readonly kind: 'rst'; readonly reason: string }
  | { readonly kind: 'event'; readonly name: string; readonly fields: ReadonlyMap<string, string> };

export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  readonly optional: boolean;
  /** No segment at all between the line before and this one. */
  readonly strict: boolean;
  readonly what:
    | Arrow
    | Happening
    | { readonly kind: 'skip' }
    | { readonly kind: 'silence'; readonly ms: number };
  /** After the semicolon: what is so until the next segment. */
  readonly clauses: readonly Happening[];
  /** Since the line before; null: whenever. */
  readonly within: Span | null;
}

export interface Expectation {
  readonly lines: readonly Line[];
  /** Never in the whole log. */
  readonly never: readonly Line[];
  /** Only this connection, or connections with this port of S, count; null: all. */
  readonly only: { readonly conn: string } | { readonly port: number } | null;
}

/** A mistake in an expectation. */
export class ExpectSyntaxError extends Error {
  override readonly name = 'ExpectSyntaxError';
  /** Both from 1. */
  readonly line: number;
  readonly column: number;

  constructor(line: number, column: number, what: string) {
    super(`line ${line}, column ${column}: ${what}`);
    this.line = line;
    this.column = column;
  }
}
