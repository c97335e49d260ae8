/** The segments of an event log, one rung of the ladder each, with what became of them. */

import type { LogEvent } from '../../trace/log-event.ts';
import type { Mark, Side } from './ast.ts';

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

type Data = Readonly<Record<string, unknown>>;

/** What is known of the two ends of a pair of ports: initial numbers, and the connection's name. */
interface Ends {
  K: number | null;
  S: number | null;
  conn: string | undefined;
  inc: number;
}

/** Takes events one after the other. */
export class RungReader {
  readonly rungs: Rung[] = [];
  private readonly bySegment = new Map<number, Rung>();
  private readonly pending = new Map<number, Mark[]>();
  /** Highest number that K has sent, by connection and incarnation. */
  private readonly highest = new Map<string, number>();
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
    for (const mark of this.pending.get(event.seg) ?? []) rung.marks.add(mark);
    this.pending.delete(event.seg);
  }

  private rungOf(event: LogEvent, from: Side): Rung {
    const { data, seg, n, t } = event;
    const raw = (data['raw'] ?? {}) as Data;
    const opts = (data['opts'] ?? {}) as Data;
    const [sport, dport] = [Number(raw['sport'] ?? 0), Number(raw['dport'] ?? 0)];
    const [port, peerPort] = from === 'K' ? [dport, sport] : [sport, dport];
    const place = this.placeOf(event, from, [port, peerPort]);
    const rung: Rung = {
      ...{ n, t, from, seg, port, peerPort, index: this.index },
      ...place,
      flags: String(data['flags'] ?? '').split(','),
      len: Number(data['len'] ?? 0),
      win: Number(data['win'] ?? 0),
      mss: opts['mss'] as number | undefined,
      wscale: opts['wscale'] as number | undefined,
      sack: (opts['sack'] ?? []) as [number, number][],
      trigger: String(data['trigger'] ?? ''),
      copy: Number(data['copyNo'] ?? 1),
      marks: new Set(),
      reason: '',
    };
    const end = place.seq + Number(data['end'] ?? 0) - Number(data['seq'] ?? 0);
    if (from === 'K' ? this.repeats(rung, end) : data['retransmission'] === true) {
      rung.marks.add('RETRANS');
    }
    this.rungs.push(rung);
    if (seg !== undefined) this.bySegment.set(seg, rung);
    return rung;
  }

  /** Its connection and numbers; where the log knows none, those of the last connection of these ports. */
  private placeOf(
    { conn, inc = 1, data }: LogEvent,
    from: Side,
    [port, peerPort]: readonly [number, number],
  ): Pick<Rung, 'conn' | 'inc' | 'seq' | 'ack'> {
    const [seq, ack] = [Number(data['seq'] ?? 0), typeof data['ack'] === 'number' ? data['ack'] : null];
    const raw = (data['raw'] ?? {}) as Data;
    const ends = this.endsOf(port, peerPort);
    const isSyn = String(data['flags']).includes('SYN');
    if (conn !== undefined) {
      ends[from] = (Number(raw['seq']) - seq) | 0;
      if (ack !== null) ends[from === 'K' ? 'S' : 'K'] = (Number(raw['ack']) - ack) | 0;
      Object.assign(ends, { conn, inc });
      return { conn, inc, seq, ack };
    }
    if (isSyn && ack === null) {
      Object.assign(ends, { K: null, S: null, conn: undefined, inc: 1, [from]: Number(raw['seq']) | 0 });
    }
    const relative = (number: unknown, isn: number | null): number =>
      isn === null || Number(number) === 0 ? Number(number) : (Number(number) - isn) | 0;
    const acked = ack === null ? null : relative(raw['ack'], ends[from === 'K' ? 'S' : 'K']);
    return { conn: ends.conn, inc: ends.inc, seq: relative(raw['seq'], ends[from]), ack: acked };
  }

  private endsOf(port: number, peerPort: number): Ends {
    const key = `${port} ${peerPort}`;
    const known = this.ends.get(key);
    if (known !== undefined) return known;
    const fresh: Ends = { K: null, S: null, conn: undefined, inc: 1 };
    this.ends.set(key, fresh);
    return fresh;
  }

  private repeats(rung: Rung, end: number): boolean {
    const key = `${rung.conn ?? `${rung.port}-${rung.peerPort}`} ${rung.inc}`;
    const before = this.highest.get(key) ?? Number.NEGATIVE_INFINITY;
    this.highest.set(key, Math.max(before, end));
    return end > rung.seq && rung.seq < before;
  }

  /** The SYN came before there was a connection for it. */
  private opened({ conn, inc = 1, cause }: LogEvent): void {
    const syn = this.rungs.findLast(({ n }) => n === cause);
    if (syn === undefined || syn.conn !== undefined) return;
    syn.conn = conn;
    syn.inc = inc;
  }

  private judged({ seg, data }: LogEvent): void {
    const rung = seg === undefined ? undefined : this.bySegment.get(seg);
    if (rung === undefined) return;
    const mark = VERDICTS[String(data['verdict'])];
    if (mark !== undefined) rung.marks.add(mark);
    rung.reason = String(data['reason']);
  }

  private fate(event: LogEvent): void {
    const { seg, data } = event;
    const mark = MARK_OF[String(data['fate'])];
    if (mark === undefined || data['flags'] === undefined) return;
    const known = seg === undefined ? undefined : this.bySegment.get(seg);
    const from: Side = data['dir'] === 'in' ? 'K' : 'S';
    if (known !== undefined) known.marks.add(mark);
    else if (mark === 'LOST' || mark === 'HELD' || mark === 'CORRUPTED') this.unseen(event, from, mark);
    else if (from === 'S' && mark === 'INJECTED') this.rungOf(event, 'S').marks.add(mark);
    else if (seg !== undefined) this.pending.set(seg, [...(this.pending.get(seg) ?? []), mark]);
  }

  /** S never saw it, or S's own note of it comes after. */
  private unseen(event: LogEvent, from: Side, mark: Mark): void {
    if (from === 'K') this.rungOf(event, 'K').marks.add(mark);
    else if (event.seg !== undefined) {
      this.pending.set(event.seg, [...(this.pending.get(event.seg) ?? []), mark]);
    }
  }
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
