/** Runs of segments that say nothing new, merged into one row. */

import type { Row } from './row.ts';

/** Rows of a run that are shown before it is merged. */
const HEAD = 4;
/** Rows of its end that are shown. */
const TAIL = 2;
/** Fewer are not worth a merged row. */
const LEAST = 4;
/** Seconds of silence that end a run. */
const SILENCE = 0.1;

interface Merged {
  readonly first: Row;
  rows: number;
  readonly sent: Count;
  readonly received: Count;
  readonly names: Set<string>;
}

interface Count {
  segs: number;
  bytes: number;
}

export class Bulk {
  private head = 0;
  private lastAt = Number.NEGATIVE_INFINITY;
  private held: Row[] = [];
  private merged: Merged | null = null;

  /** Takes a finished row; gives those that are to be drawn now. */
  add(row: Row): Row[] {
    const ordinary = isOrdinary(row);
    const goesOn = ordinary && row.t - this.lastAt < SILENCE;
    const before = goesOn ? [] : this.flush();
    if (!goesOn) this.head = 0;
    this.lastAt = row.t;
    if (!ordinary) {
      this.head = 0;
      before.push(row);
      return before;
    }
    if (this.head < HEAD) {
      if (row.arrow !== null) this.head++;
      before.push(row);
      return before;
    }
    this.hold(row);
    return before;
  }

  /** What is held, and the run before it. */
  flush(): Row[] {
    const { merged, held } = this;
    this.merged = null;
    this.held = [];
    return merged === null ? held : [rowOf(merged), ...held];
  }

  private hold(row: Row): void {
    const { held } = this;
    held.push(row);
    if (this.merged === null && held.length < TAIL + LEAST) return;
    while (held.length > TAIL) this.merge(held.shift() as Row);
  }

  private merge(row: Row): void {
    this.merged ??= {
      first: row,
      rows: 0,
      sent: { segs: 0, bytes: 0 },
      received: { segs: 0, bytes: 0 },
      names: new Set(),
    };
    const { merged } = this;
    merged.rows++;
    if (merged.names.size < 4) merged.names.add(row.conn);
    const { arrow } = row;
    if (arrow === null) return;
    const count = arrow.received ? merged.received : merged.sent;
    count.segs += arrow.segs;
    count.bytes += arrow.bytes;
  }
}

/** Data and its acknowledgment as in any transfer, and the calls that go with it. */
function isOrdinary({ kind, arrow, left, right, notes, arcs, text, calls }: Row): boolean {
  if (left !== '' || right !== '' || notes.length > 0 || !arcs.every((arc) => arc.routine)) return false;
  if (kind === 'app') return calls.every(({ name }) => name === 'read' || name === 'write');
  if (arrow === null) return kind === 'note' && text === '' && arcs.every((arc) => arc.kind !== 'fire');
  return (
    arrow.end === 'arrives' &&
    arrow.marks.length === 0 &&
    arrow.why === '' &&
    !/SYN|FIN|RST|URG/.test(arrow.flags)
  );
}

function rowOf({ first, sent, received, names }: Merged): Row {
  const parts = [countText('sent', sent), countText('received', received)].filter((part) => part !== '');
  const of = names.size > 1 ? ` of ${names.size === 4 ? 'several' : names.size} connections` : '';
  return {
    ...first,
    kind: 'run',
    conn: names.size > 1 ? '' : first.conn,
    tone: 'note',
    arrow: null,
    text: `${sent.segs + received.segs} segments${of}`,
    notes: [parts.join(', ')],
    arcs: [],
  };
}

function countText(what: string, { segs, bytes }: Count): string {
  if (segs === 0) return '';
  return `${segs} ${what}${bytes > 0 ? ` (${bytes} bytes)` : ''}`;
}
