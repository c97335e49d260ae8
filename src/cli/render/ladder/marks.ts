/** The characters of the ladder, beyond ASCII or not. */

import type { ArcKind, Mark } from './row.ts';

export interface Glyphs {
  readonly left: string;
  readonly right: string;
  /** Heads of segments that TCP did not take. */
  readonly hollowLeft: string;
  readonly hollowRight: string;
  readonly line: string;
  /** A way that is not gone to its end, two columns. */
  readonly dots: string;
  readonly lost: string;
  readonly waits: string;
  readonly bar: string;
  /** The bar while nothing happens. */
  readonly torn: string;
  readonly tee: string;
  readonly silence: string;
  readonly more: string;
  readonly times: string;
  readonly marks: Readonly<Record<Mark, string>>;
  readonly arcs: Readonly<Record<ArcKind, string>>;
  readonly full: string;
  readonly empty: string;
}

export const UNICODE: Glyphs = {
  left: '◀',
  right: '▶',
  hollowLeft: '◁',
  hollowRight: '▷',
  line: '─',
  dots: ' ·',
  lost: '✗',
  waits: '⧗',
  bar: '│',
  torn: '┊',
  tee: '├',
  silence: '⋮',
  more: '…',
  times: '×',
  marks: {
    again: '↻',
    copy: '⧉',
    order: '◇',
    late: '⧗',
    corrupted: '≠',
    mutated: '±',
    injected: '⚑',
    held: '‖',
    copied: '⊕',
  },
  arcs: { set: '╮', restart: '↻', cancel: '╯', fire: '●' },
  full: '▓',
  empty: '░',
};

export const ASCII: Glyphs = {
  left: '<',
  right: '>',
  hollowLeft: '(',
  hollowRight: ')',
  line: '-',
  dots: ' .',
  lost: 'X',
  waits: '~',
  bar: '|',
  torn: ':',
  tee: '+',
  silence: ':',
  more: '...',
  times: 'x',
  marks: {
    again: '@',
    copy: '"',
    order: '<>',
    late: '~',
    corrupted: '#',
    mutated: '%',
    injected: '*',
    held: '=',
    copied: '&',
  },
  arcs: { set: '\\', restart: '@', cancel: '/', fire: 'o' },
  full: '#',
  empty: '.',
};

const REPLACED: Readonly<Record<string, string>> = {
  '→': '->',
  '§': 'section ',
  '≤': '<=',
  '≥': '>=',
  '–': '-',
  '…': '...',
  '×': 'x',
  '°': 'deg',
  µ: 'u',
  '⇄': '<>',
};

/** The text in ASCII, not always as long as before. */
export function inAscii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (character) => REPLACED[character] ?? '?');
}
