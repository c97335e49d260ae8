/** The segments of an event log, one rung of the ladder each, with what became of them. */

import type { LogEvent } from '../../trace/log-event.ts';
import type { Mark, Side } from './ast.ts';
import { countIn, type Data, partOf, wordIn } from './data.ts';

/** One segment between K and S. Numbers are relative. */
export interface Rung {
  /** Number of its event, its time in seconds, and its place in the log. */
  readonly n: number;
  readonly t: number;
  readonly index: number;
  /** Absent where it belongs to no connection. */
  conn: string | undefined;
  inc: number;
  readonly from: Side;
  readonly flags: readonly string[];
  readonly seq: number;
  readonly len: number;
  readonly ack: number | null;
  readonly win: number;
  readonly mss: number | undefined;
  readonly wscale: number | undefined;
  readonly sack: readonly (readonly [number, number])[];
  /** S's port and K's. */
  readonly port: number;
  readonly peerPort: number;
  readonly seg: number | undefined;
  /** Why S sent it. */
  readonly trigger: string;
  /** How often S has sent its first byte, from 1. */
  readonly copy: number;
  readonly marks: Set<Mark>;
  /** How it was judged. */
  reason: string;
}

const MARK_OF: Readonly<Record<string, Mark>> = {
  dropped: 'LOST',
  reset: 'LOST',
  held: 'HELD',
  delayed: 'DELAYED',
  reordered: 'DELAYED',
  corrupted: 'CORRUPTED',
  mutated: 'MUTATED',
  duplicated: 'COPIED',
  injected: 'INJECTED',
};

const VERDICTS: Readonly<Record<string, Mark>> = {
  accepted: 'ACCEPTED',
  duplicate: 'DUPLICATE',
  partial: 'PARTIAL',
  'queued-ooo': 'QUEUED',
  dropped: 'DROPPED',
};

/** What is known of the two ends of a pair of ports: initial numbers, and the connection's name. */
interface Ends {
  K: number | null;
  S: number | null;
  conn: string | undefined;
  inc: number;
  /** One past the highest number that each has sent. */
  topOfK: number;
  topOfS: number;
}
const NOTHING = Number.NEGATIVE_INFINITY;
const UNKNOWN: Ends = { K: null, S: null, conn: undefined, inc: 1, topOfK: NOTHING, topOfS: NOTHING };

/** Takes events one after the other. */
export class RungReader {
  readonly rungs: Rung[] = [];
  private readonly bySegment = new Map<number, Rung>();
  private readonly pending = new Map<number, Mark[]>();
  /** By S's port and K's. */
  private readonly ends = new Map<string, Ends>();
  private index = 0;

  add(event: LogEvent): void {
    if (event.ev === 'seg:received') this.segment(event, 'K');
    else if (event.ev === 'seg:sent') this.segment(event, 'S');
    else if (event.ev === 'seg:judged') this.judged(event);
    else if (event.ev === 'wire:fate') this.fate(event);
    else if (event.ev === 'conn:opened') this.opened(event);
    this.index++;
  }

  private segment(event: LogEvent, from: Side): void {
    const known = event.seg === undefined ? undefined : this.bySegment.get(event.seg);
    if (known !== undefined && known.from === from && known.marks.has('CORRUPTED')) return;
    const rung = this.rungOf(event, from);
    if (event.seg === undefined) return;
    // One number for the whole fate of a segment: it has come before, and was not only kept back.
    if (known?.from === 'K' && !known.marks.has('HELD')) rung.marks.add('COPIED');
    for (const mark of this.pending.get(event.seg) ?? []) rung.marks.add(mark);
    this.pending.delete(event.seg);
  }

  private rungOf(event: LogEvent, from: Side): Rung {
    const { data, seg, n, t } = event;
    const raw = partOf(data, 'raw');
    const [sport, dport] = [countIn(raw, 'sport'), countIn(raw, 'dport')];
    const [port, peerPort] = from === 'K' ? [dport, sport] : [sport, dport];
    const ends = this.endsOf(port, peerPort);
    const rung: Rung = {
      ...{ n, t, from, seg, port, peerPort, index: this.index },
      ...placeOf(event, from, ends),
      ...optionsOf(data),
      flags: wordIn(data, 'flags').split(','),
      len: countIn(data, 'len'),
      win: countIn(data, 'win'),
      trigger: wordIn(data, 'trigger'),
      copy: countIn(data, 'copyNo') || 1,
      marks: new Set(),
      reason: '',
    };
    if (repeats(rung, data, ends) || data['retransmission'] === true) rung.marks.add('RETRANS');
    this.rungs.push(rung);
    if (seg !== undefined && (from === 'K' || !this.bySegment.has(seg))) this.bySegment.set(seg, rung);
    return rung;
  }

  private endsOf(port: number, peerPort: number): Ends {
    const key = `${port} ${peerPort}`;
    const known = this.ends.get(key) ?? { ...UNKNOWN };
    this.ends.set(key, known);
    return known;
  }

  /** The SYN came before there was a connection for it. */
  private opened({ conn, inc = 1, cause }: LogEvent): void {
    const syn = this.rungs.findLast(({ n }) => n === cause);
    if (syn === undefined) return;
    syn.conn = conn;
    syn.inc = inc;
  }

  private judged({ seg, data }: LogEvent): void {
    const rung = seg === undefined ? undefined : this.bySegment.get(seg);
    if (rung === undefined) return;
    const mark = VERDICTS[wordIn(data, 'verdict')];
    if (mark !== undefined) rung.marks.add(mark);
    rung.reason = wordIn(data, 'reason');
  }

  private fate(event: LogEvent): void {
    const { seg = 0, data } = event;
    const mark = MARK_OF[wordIn(data, 'fate')];
    if (mark === undefined || data['flags'] === undefined) return;
    if (mark === 'COPIED' && data['dir'] === 'in') return;
    const known = this.bySegment.get(seg);
    if (tellsAlone(wordIn(data, 'dir'), mark, known !== undefined)) {
      this.rungOf(event, data['dir'] === 'in' ? 'K' : 'S').marks.add(mark);
    } else if (known !== undefined) known.marks.add(mark);
    else this.pending.set(seg, [...(this.pending.get(seg) ?? []), mark]);
  }
}

/**
 * Nothing else tells of the segment: S will never see it, or it goes out once more without S knowing.
 */
function tellsAlone(direction: string, mark: Mark, known: boolean): boolean {
  if (direction === 'out') return mark === 'INJECTED' || mark === 'COPIED';
  return !known && UNSEEN.includes(mark);
}

const UNSEEN: readonly Mark[] = ['LOST', 'HELD', 'CORRUPTED'];

/** Its connection and numbers; where the log knows none, those of the last connection of these ports. */
function placeOf(
  { conn, inc = 1, data }: LogEvent,
  from: Side,
  ends: Ends,
): Pick<Rung, 'conn' | 'inc' | 'seq' | 'ack'> {
  const to = from === 'K' ? 'S' : 'K';
  const raw = partOf(data, 'raw');
  const [seq, ack] = [countIn(data, 'seq'), typeof data['ack'] === 'number' ? data['ack'] : null];
  if (conn !== undefined) {
    know(ends, from, (countIn(raw, 'seq') - seq) | 0);
    if (ack !== null) know(ends, to, (countIn(raw, 'ack') - ack) | 0);
    Object.assign(ends, { conn, inc });
    return { conn, inc, seq, ack };
  }
  if (wordIn(data, 'flags') === 'SYN' && ends[from] !== (countIn(raw, 'seq') | 0)) {
    Object.assign(ends, UNKNOWN, { [from]: countIn(raw, 'seq') | 0 });
  }
  return {
    conn: ends.conn,
    inc: ends.inc,
    seq: relative(countIn(raw, 'seq'), ends[from]),
    ack: ack === null ? null : relative(countIn(raw, 'ack'), ends[to]),
  };
}

function know(ends: Ends, side: Side, initial: number): void {
  if (ends[side] !== initial) ends[side === 'K' ? 'topOfK' : 'topOfS'] = NOTHING;
  ends[side] = initial;
}

const relative = (raw: number, initial: number | null): number =>
  initial === null || raw === 0 ? raw : (raw - initial) | 0;

function optionsOf(data: Data): Pick<Rung, 'mss' | 'wscale' | 'sack'> {
  const opts = partOf(data, 'opts');
  return {
    mss: opts['mss'] as number | undefined,
    wscale: opts['wscale'] as number | undefined,
    sack: (opts['sack'] ?? []) as [number, number][],
  };
}

/** Its sender has sent the first byte of it before. */
function repeats(rung: Rung, data: Data, ends: Ends): boolean {
  const length = countIn(data, 'end') - countIn(data, 'seq');
  const top = rung.from === 'K' ? 'topOfK' : 'topOfS';
  const [begins, before] = [rung.seq, ends[top]];
  ends[top] = Math.max(before, begins + length);
  return length > 0 && begins < before;
}

/** The segments of a whole log. */
export function rungsOf(events: Iterable<LogEvent>): Rung[] {
  const reader = new RungReader();
  for (const event of events) reader.add(event);
  return reader.rungs;
}

/** An ACK and nothing else. */
export const isBareAck = ({ flags, len }: Rung): boolean =>
  len === 0 && flags.every((flag) => flag === 'ACK' || flag === 'ECE' || flag === 'CWR');

const SHOWN: readonly Mark[] = [
  'LOST',
  'HELD',
  'DELAYED',
  'COPIED',
  'INJECTED',
  'MUTATED',
  'CORRUPTED',
  'RETRANS',
];

/** As a line of `expect` would say it. */
export function rungText(rung: Rung): string {
  const { from, flags, seq, len, ack, sack, marks } = rung;
  return [
    from === 'K' ? 'K>S' : 'S>K',
    flags.join(','),
    len === 0 ? `${seq}` : `${seq}:${seq + len}`,
    ...(ack === null ? [] : [`ack ${ack}`]),
    ...sack.map(([left, right]) => `sack ${left}-${right}`),
    ...SHOWN.filter((mark) => marks.has(mark)),
    ...(marks.has('DROPPED') ? [`(dropped: ${rung.reason})`] : []),
  ].join(' ');
}
