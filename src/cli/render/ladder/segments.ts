/** Segments as arrows. */

import { type EventLine, segmentText } from '../event.ts';
import type { Board } from './board.ts';
import type { Arrow, Mark, Row, Tone } from './row.ts';
import { numberOf, plain } from './text.ts';
import { endsOf, type Track } from './tracks.ts';

type Data = EventLine['data'];

/** What a segment was sent for, where its flags do not say it. */
const TELLING = new Set([
  'rto',
  'fast-rtx',
  'tlp',
  'persist',
  'keepalive',
  'challenge-ack',
  'window-update',
  'mtu-probe',
]);
/** Segments whose fate is remembered until they arrive. */
const MOST = 1024;

export class Segments {
  private readonly board: Board;
  /** Segments of the peer that were seen before TCP got them; whether TCP has. */
  private readonly known = new Map<number, boolean>();
  /** Numbers of the SYNs of peers that have no connection yet. */
  private readonly syns = new Map<string, number>();
  /** Rows made by a fate, whose segment TCP is about to get. */
  private readonly expected = new WeakSet<Row>();

  constructor(board: Board) {
    this.board = board;
  }

  received(event: EventLine): void {
    const { board } = this;
    const seg = event.seg ?? 0;
    const expected = board.find((row) => row.seg === seg && this.expected.has(row));
    const track = board.tracks.of(event) ?? board.tracks.between(event.data['raw'], true);
    if (expected !== null) {
      this.expected.delete(expected);
      this.known.set(seg, true);
      expected.events.push(event.n);
      identify(expected, track);
      const { marks } = expected.arrow as Arrow;
      expected.arrow = this.arrow(this.relative(event, track, true), true);
      expected.arrow.marks.push(...marks);
      return;
    }
    const row = board.row(event, 'segment', track);
    row.arrow = this.arrow(this.relative(event, track, true), true);
    const before = this.known.get(seg);
    if (before === undefined) this.stand(row.arrow, event.data, event.conn === undefined ? null : track);
    else row.arrow.marks.push(before ? 'copy' : 'late');
    if (before === undefined) this.orphan(row, event);
    if (before !== undefined) this.known.set(seg, true);
    row.tone = toneOf(row.arrow);
  }

  sent(event: EventLine): void {
    const { board } = this;
    const track = board.tracks.of(event) ?? board.tracks.between(event.data['raw'], false);
    const row = board.row(event, 'segment', track);
    row.arrow = this.arrow(this.relative(event, track, false), false);
    const opens = track !== null && event.conn !== undefined && row.arrow.flags.includes('SYN');
    // What a compact record sends again it does not count as a retransmission.
    if (event.data['retransmission'] === true || (opens && track.synSent)) row.arrow.marks.push('again');
    if (opens) track.synSent = true;
    row.tone = toneOf(row.arrow);
    if (track !== null) this.reaches(row, event.data, track);
  }

  /** A row for a segment that only its fate tells of; `anew`: it is no news, or nobody's. */
  fated(event: EventLine, received: boolean, anew: boolean): Row {
    const { board } = this;
    const track = board.tracks.of(event) ?? board.tracks.between(event.data['raw'], received);
    const row = board.row(event, 'segment', track);
    row.arrow = this.arrow(this.relative(event, track, received), received);
    this.orphan(row, event);
    if (received && !anew) this.stand(row.arrow, event.data, event.conn === undefined ? null : track);
    row.tone = toneOf(row.arrow);
    return row;
  }

  /** Of a segment that no connection is known for: whose it may be, and whether it is a SYN sent again. */
  private orphan(row: Row, event: EventLine): void {
    const { raw, flags } = event.data;
    row.ends = endsOf(raw, row.arrow?.received === true);
    if (row.arrow?.received !== true || event.conn !== undefined || plain(flags) !== 'SYN') return;
    const seq = numberOf((raw as { seq?: unknown } | null | undefined)?.seq);
    if (this.syns.get(row.ends) === seq) mark(row.arrow, 'again');
    this.syns.delete(row.ends);
    this.syns.set(row.ends, seq);
    forgetOldest(this.syns);
  }

  /** TCP gets the row's segment now, or (`false`) some other time. */
  expect(row: Row, now: boolean): void {
    if (now) this.expected.add(row);
    this.known.set(row.seg, false);
    forgetOldest(this.known);
  }

  arrow(data: Data, received: boolean): Arrow {
    const { raw } = this.board.options;
    const trigger = plain(data['trigger']);
    const text = plain(segmentText({ ...data, win: null, segs: 1 }, raw));
    const flags = plain(data['flags']);
    return {
      received,
      flags,
      numbers: text
        .slice(flags.length)
        .replace(/ win \?$/, '')
        .trim(),
      win: data['win'] === undefined ? '' : plain(data['win']),
      why: TELLING.has(trigger) ? trigger : sackText(data['opts'], raw),
      segs: Math.max(1, numberOf(data['segs'])),
      bytes: numberOf(data['len']),
      marks: [],
      end: 'arrives',
    };
  }

  /**
   * Data of a segment without a connection, with the numbers of the one that was there before, or of the
   * SYN that it answers: the log has those on the wire.
   */
  private relative({ conn, data }: EventLine, track: Track | null, received: boolean): Data {
    if (conn !== undefined || plain(data['flags']).includes('SYN')) return data;
    const isn = track?.isn ?? { peer: this.syns.get(endsOf(data['raw'], received)), local: undefined };
    const [from, to] = received ? [isn.peer, isn.local] : [isn.local, isn.peer];
    const seq = near(numberOf(data['seq']), from);
    const ack = data['ack'] == null ? null : near(numberOf(data['ack']), to);
    return { ...data, seq, end: seq + numberOf(data['end']) - numberOf(data['seq']), ack };
  }

  /** New, once more, or late. */
  private stand(arrow: Arrow, data: Data, track: Track | null): void {
    const standing = track?.seen.take(numberOf(data['seq']), numberOf(data['end'])) ?? 'new';
    if (standing !== 'new') arrow.marks.push(standing);
  }

  /** What was guessed from a segment that did not arrive holds when a later one does. */
  private reaches(row: Row, data: Data, track: Track): void {
    const { withheld } = track;
    if (withheld === null) return;
    // Relative numbers of a log count on: they do not wrap.
    const [ack, end] = [numberOf(data['ack']), numberOf(data['end'])];
    if (ack < withheld.ackUntil || end < withheld.until) return;
    track.withheld = null;
    track.peerState = withheld.state;
    row.left = `${withheld.state}?`;
  }
}

/** Above this, a number belongs to something else. */
const NEAR = 2 ** 30;

/** `number` relative to `isn`, where it can be: the log has the one on the wire. */
function near(number: number, isn: number | undefined): number {
  const distance = isn === undefined ? -1 : (number - isn) | 0;
  return distance >= 0 && distance < NEAR ? distance : number;
}

/** The first SACK block; there is none in raw numbers. */
function sackText(options: unknown, raw: boolean): string {
  const blocks = (options as { sack?: unknown } | null | undefined)?.sack;
  if (raw || !Array.isArray(blocks) || !Array.isArray(blocks[0])) return '';
  const [first, end] = blocks[0] as unknown[];
  return `sack ${plain(first)}:${plain(end)}`;
}

function forgetOldest(map: Map<unknown, unknown>): void {
  if (map.size > MOST) map.delete(map.keys().next().value);
}

/** The row belongs to this connection. */
export function identify(row: Row, track: Track | null): void {
  if (track === null) return;
  row.key = track.key;
  row.conn = track.name;
}

export function toneOf({ flags, marks, end, bytes }: Arrow): Tone {
  if (end === 'lost' || flags.includes('RST')) return 'bad';
  if (marks.includes('again')) return 'again';
  if (flags.includes('SYN')) return 'syn';
  if (flags.includes('FIN')) return 'fin';
  return bytes > 0 ? 'data' : 'ack';
}

/** Adds a mark once. */
export function mark(arrow: Arrow, one: Mark): void {
  if (!arrow.marks.includes(one)) arrow.marks.push(one);
}
