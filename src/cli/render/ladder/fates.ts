/** What rules and commands do to segments on their way. */

import type { EventLine } from '../event.ts';
import { entry } from '../table.ts';
import type { Board } from './board.ts';
import type { Arrow, ArrowEnd, Mark, Row } from './row.ts';
import { mark, type Segments, toneOf } from './segments.ts';
import { durationText, numberOf, plain } from './text.ts';

interface Look {
  readonly word: string;
  readonly end: ArrowEnd;
  readonly mark: Mark | null;
  /** It begins its way here, whatever was drawn of it before. */
  readonly anew?: true;
}

/** Of ours: its way was begun when it began to wait. */
const OVERTAKEN: Look = { word: 'goes on', end: 'arrives', mark: null };

const LOOKS: Readonly<Record<string, Look>> = {
  delivered: OVERTAKEN,
  dropped: { word: 'lost', end: 'lost', mark: null },
  reset: { word: 'lost, and answered with a RST', end: 'lost', mark: null },
  delayed: { word: 'delayed', end: 'waits', mark: null },
  reordered: { word: 'waits to be overtaken', end: 'waits', mark: null },
  held: { word: 'held', end: 'waits', mark: 'held' },
  released: { word: 'released', end: 'arrives', mark: 'held', anew: true },
  duplicated: { word: 'copied', end: 'arrives', mark: null },
  copied: { word: 'kept', end: 'arrives', mark: 'copied' },
  corrupted: { word: 'corrupted', end: 'arrives', mark: 'corrupted' },
  mutated: { word: 'changed', end: 'arrives', mark: 'mutated' },
  injected: { word: 'injected', end: 'arrives', mark: 'injected', anew: true },
};

/** A segment of ours that arrives later. */
interface Arrival {
  readonly at: number;
  readonly event: EventLine;
  readonly mark: Mark;
}

/** Arrivals that are waited for. */
const MOST = 4096;

export class Fates {
  private readonly board: Board;
  private readonly segments: Segments;
  /** In order of time. */
  private readonly arrivals: Arrival[] = [];
  /** Rules whose text has been shown. */
  private readonly told = new Set<string>();

  constructor(board: Board, segments: Segments) {
    this.board = board;
    this.segments = segments;
  }

  /** The rule's text is on the screen. */
  tell(rule: string): void {
    if (this.told.size < MOST) this.told.add(rule);
  }

  /** Rows for what has arrived until `t`. */
  advance(t: number): void {
    for (let next = this.arrivals[0]; next !== undefined && next.at <= t; next = this.arrivals[0]) {
      this.arrivals.shift();
      const { event, at } = next;
      const { cause: _cause, ...rest } = event;
      const track = this.board.tracks.of(event) ?? this.board.tracks.between(event.data['raw'], false);
      const row = this.board.row({ ...rest, t: at }, 'segment', track);
      row.arrow = this.segments.arrow(event.data, false);
      row.arrow.marks.push(next.mark);
      row.tone = toneOf(row.arrow);
      if (track !== null && track.withheld !== null && next.mark === 'late') {
        track.peerState = track.withheld.state;
        row.left = `${track.withheld.state}?`;
        track.withheld = null;
      }
    }
  }

  take(event: EventLine): void {
    const { data } = event;
    const look = entry(LOOKS, plain(data['fate']));
    if (look === undefined) return;
    const out = data['dir'] === 'out';
    if (look === OVERTAKEN) {
      this.arrive({ at: event.t, event, mark: 'late' });
      return;
    }
    if (data['flags'] === undefined) {
      const what = `packet of ${plain(data['len'])} bytes`;
      this.board.note(event, `${out ? 'our' : "the peer's"} ${what} ${this.sentence(look, event)}`, 'bad');
      return;
    }
    const anew = look.anew === true;
    const row = (anew ? null : this.find(event, out)) ?? this.segments.fated(event, !out, anew);
    const arrow = row.arrow as Arrow;
    if (look.end !== 'arrives') {
      arrow.end = look.end;
      if (out) this.withhold(row, data);
    }
    if (look.mark !== null) mark(arrow, look.mark);
    row.tone = toneOf(arrow);
    row.notes.push(this.sentence(look, event));
    if (out) this.schedule(event, look);
    else if (look.end !== 'lost') this.segments.expect(row, look.end === 'arrives');
  }

  /** The row of the same segment, as far as it is whole: a rule may hit one of several in a super-packet. */
  private find(event: EventLine, out: boolean): Row | null {
    const { numbers } = this.segments.arrow(event.data, !out);
    return this.board.find(
      (row) =>
        row.seg === event.seg &&
        row.arrow !== null &&
        row.arrow.received !== out &&
        row.arrow.numbers === numbers,
    );
  }

  private withhold(row: Row, data: EventLine['data']): void {
    const track = row.key === '' ? null : this.board.tracks.known(row.key);
    if (track === null || !row.left.endsWith('?')) return;
    const state = row.left.slice(0, -1);
    track.withheld = { state, until: numberOf(data['end']), ackUntil: numberOf(data['ack']) };
    track.peerState = track.peerBefore;
    row.left = '';
  }

  private schedule(event: EventLine, { word }: Look): void {
    const until = event.data['until'];
    if (word === 'delayed' && typeof until === 'number') this.arrive({ at: until, event, mark: 'late' });
    if (word === 'copied') this.arrive({ at: Math.max(event.t, numberOf(until)), event, mark: 'copy' });
  }

  private arrive(arrival: Arrival): void {
    const { arrivals } = this;
    if (arrivals.length >= MOST) return;
    let place = arrivals.length;
    while (place > 0 && (arrivals[place - 1] as Arrival).at > arrival.at) place--;
    arrivals.splice(place, 0, arrival);
  }

  private sentence({ word }: Look, { t, data }: EventLine): string {
    const by = plain(data['by']);
    const rule = plain(data['rule']);
    const until = data['until'];
    const wait = typeof until === 'number' && until > t ? durationText((until - t) * 1000) : '';
    const later = wait === '' ? '' : `${word === 'delayed' ? ' for' : ', to arrive after'} ${wait}`;
    const name = by === 'command' || by === '' ? '' : ` by ${by}`;
    if (name !== '' && this.told.has(by)) return `${word}${name}${later}`;
    if (name !== '') this.tell(by);
    return `${word}${name}${later}${rule === '' ? '' : `: ${rule}`}`;
  }
}
