/** The arrow of one segment, as wide as the room between the two bars. */

import type { Glyphs } from './marks.ts';
import type { Arrow } from './row.ts';
import { fit } from './text.ts';

/** The line at the sender's side, a blank on either side of the words, and the head. */
const LEAST_LINE = 4;
/** The same of one whose end can be seen not to arrive. */
const LEAST_BROKEN = 7;
/** How far before the receiver a segment is lost. */
const INSET = 3;

/** Exactly `width` columns. */
export function drawArrow(arrow: Arrow, width: number, glyphs: Glyphs): string {
  const arrives = arrow.end === 'arrives' || arrow.end === 'rejected';
  const label = labelOf(arrow, width - (arrives ? LEAST_LINE : LEAST_BROKEN), glyphs);
  const way = wayOf(arrow, width - label.length - 3, glyphs);
  const start = glyphs.line;
  return arrow.received ? `${start} ${label} ${way}` : `${way} ${label} ${start}`;
}

/** The words, with as much of them left out as does not fit. */
function labelOf(arrow: Arrow, room: number, glyphs: Glyphs): string {
  const marks = arrow.marks.map((one) => glyphs.marks[one]).join('');
  const { flags, numbers, win, why, segs } = arrow;
  const words = [marks, flags, numbers].filter((part) => part !== '').join(' ');
  const window = win === '' ? '' : ` win ${win}`;
  const reason = why === '' ? '' : ` ${why}`;
  const several = segs > 1 ? ` (${segs} segments)` : '';
  const few = segs > 1 ? ` ${glyphs.times}${segs}` : '';
  const forms = [
    words + window + several + reason,
    words + window + few + reason,
    words + few + reason,
    words + few,
    words,
  ];
  return forms.find((form) => form.length <= room) ?? fit(words, room, glyphs.more);
}

/** From the words to the receiver; at least one column. */
function wayOf({ received, end }: Arrow, length: number, glyphs: Glyphs): string {
  const { line, left, right, hollowLeft, hollowRight } = glyphs;
  if (end === 'lost' || end === 'waits') return broken(received, end, length, glyphs);
  const hollow = end === 'rejected';
  const shaft = line.repeat(length - 1);
  return received ? shaft + (hollow ? hollowRight : right) : (hollow ? hollowLeft : left) + shaft;
}

function broken(received: boolean, end: 'lost' | 'waits', length: number, glyphs: Glyphs): string {
  const inset = Math.max(0, Math.min(INSET, length - 2));
  const gone = length - 1 - inset;
  const dotted = glyphs.dots.repeat(gone);
  const shaft = end === 'lost' ? dotted.slice(0, gone) : glyphs.line.repeat(gone);
  const head = end === 'lost' ? glyphs.lost : glyphs.waits;
  // The blank of the dots is beside the head, whichever side that is.
  if (received) return (end === 'lost' ? dotted.slice(-gone - 1, -1) : shaft) + head + ' '.repeat(inset);
  return ' '.repeat(inset) + head + shaft;
}
