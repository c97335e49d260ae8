/** Where the columns are at a given width. */

export interface Layout {
  /** No line has more. */
  readonly width: number;
  /** Of the time, and its decimals. */
  readonly time: number;
  readonly decimals: number;
  /** Names of connections, with the blank after them; 0 = none. */
  readonly conn: number;
  readonly left: number;
  /** Between the two bars. */
  readonly middle: number;
  readonly right: number;
  readonly lanes: number;
  /** Words beside the lanes; 0: they have lines of their own. */
  readonly words: number;
}

/** In less than this lines are drawn as for this, and cut. */
const LEAST = 60;
const WIDE = 100;
const WIDEST = 120;
/** As long as any state's name, and a label. */
const LEFT = 13;
const RIGHT = 12;
/** What a timer that is set again has to say. */
const WORDS = 30;
const MOST_MIDDLE = 72;

export function layoutOf(width: number, names: number): Layout {
  const columns = Math.max(LEAST, Math.floor(width));
  const time = columns >= WIDE ? 11 : 8;
  const conn = names;
  const lanes = columns >= WIDEST ? 5 : columns >= 80 ? 3 : 1;
  // Blanks: after the time, before the right state, before the lanes; and the two bars.
  const rest = columns - time - conn - LEFT - RIGHT - lanes - 5;
  const words = columns >= WIDEST ? Math.max(WORDS, rest - MOST_MIDDLE) : 0;
  return {
    width: Math.max(1, Math.min(columns, Math.floor(width))),
    time,
    decimals: columns >= WIDE ? 6 : 3,
    conn,
    left: LEFT,
    middle: Math.min(MOST_MIDDLE, rest - (words > 0 ? words + 1 : 0)),
    right: RIGHT,
    lanes,
    words,
  };
}
