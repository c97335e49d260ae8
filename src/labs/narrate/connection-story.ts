/** What the narrator remembers of one connection: who has said what so far. */

import type { LogEvent } from '../../trace/log-event.ts';

/** The kernel's side and ours. */
export type Side = 'K' | 'S';

/** A segment as the narrator reads it. */
export interface Segment {
  readonly from: Side;
  readonly flags: ReadonlySet<string>;
  readonly seq: number;
  readonly end: number;
  readonly ack: number | null;
  readonly len: number;
  readonly win: number;
  /** Of those that S has sent: why. */
  readonly trigger: string;
  /** It says what its sender has said before. */
  readonly again: boolean;
}

/** How it reads in the story: which wave, which answer. */
export interface Role {
  readonly syn: 'first' | 'again' | 'answer' | 'answer again' | null;
  /** The sender's FIN is the first of the two, or the second; `merged`: it acknowledges the first as well. */
  readonly fin: 'first' | 'second' | 'merged' | 'crossing' | 'again' | null;
  /** It acknowledges the other side's FIN for the first time, or once more. */
  readonly ackOfFin: 'first' | 'again' | null;
  /** The handshake's third segment. */
  readonly third: boolean;
  /** It acknowledges data for the first time. */
  readonly news: boolean;
}

interface Half {
  synEnd: number;
  finEnd: number;
  /** Highest number acknowledged by the other side. */
  acked: number;
  /** One past the highest number sent. */
  most: number;
}

const NEVER = -1;
const other = (side: Side): Side => (side === 'K' ? 'S' : 'K');

export function segmentOf(event: LogEvent): Segment {
  const { data, ev } = event;
  return {
    from: ev === 'seg:sent' || data['dir'] === 'out' ? 'S' : 'K',
    flags: new Set(String(data['flags'] ?? '').split(',')),
    seq: Number(data['seq'] ?? 0),
    end: Number(data['end'] ?? 0),
    ack: typeof data['ack'] === 'number' ? data['ack'] : null,
    len: Number(data['len'] ?? 0),
    win: Number(data['win'] ?? 0),
    trigger: String(data['trigger'] ?? ''),
    again: data['retransmission'] === true,
  };
}

export class ConnectionStory {
  private readonly halves: Record<Side, Half> = { K: fresh(), S: fresh() };
  /** Who was the first to say that it has finished. */
  firstFin: Side | null = null;
  private established = false;

  /** Takes a segment and says what it is in the story. */
  take(segment: Segment): Role {
    const own = this.halves[segment.from];
    const peer = this.halves[other(segment.from)];
    const role: Role = {
      syn: this.synOf(segment, own),
      fin: this.finOf(segment, own, peer),
      ackOfFin: ackOfFin(segment, peer),
      third: this.isThird(segment, own, peer),
      news: segment.ack !== null && segment.ack > peer.acked,
    };
    if (segment.flags.has('SYN')) own.synEnd = segment.seq + 1;
    if (segment.flags.has('FIN')) {
      own.finEnd = segment.end;
      this.firstFin ??= segment.from;
    }
    own.most = Math.max(own.most, segment.end);
    if (segment.ack !== null) peer.acked = Math.max(peer.acked, segment.ack);
    if (role.third) this.established = true;
    return role;
  }

  /** Whether this segment repeats what its sender has sent before. */
  repeats(segment: Segment): boolean {
    return segment.again || (segment.end > segment.seq && segment.end <= this.halves[segment.from].most);
  }

  private synOf({ flags }: Segment, own: Half): Role['syn'] {
    if (!flags.has('SYN')) return null;
    const again = own.synEnd !== NEVER;
    if (flags.has('ACK')) return again ? 'answer again' : 'answer';
    return again ? 'again' : 'first';
  }

  private finOf(segment: Segment, own: Half, peer: Half): Role['fin'] {
    if (!segment.flags.has('FIN')) return null;
    if (own.finEnd !== NEVER) return 'again';
    if (peer.finEnd === NEVER) return 'first';
    const acknowledges = segment.ack !== null && segment.ack >= peer.finEnd;
    if (!acknowledges) return 'crossing';
    return peer.acked >= peer.finEnd ? 'second' : 'merged';
  }

  private isThird({ flags, ack }: Segment, own: Half, peer: Half): boolean {
    const pure = !flags.has('SYN') && !flags.has('RST') && ack !== null;
    return pure && !this.established && own.synEnd !== NEVER && peer.synEnd !== NEVER && ack >= peer.synEnd;
  }
}

function ackOfFin({ ack }: Segment, peer: Half): Role['ackOfFin'] {
  if (ack === null || peer.finEnd === NEVER || ack < peer.finEnd) return null;
  return peer.acked >= peer.finEnd ? 'again' : 'first';
}

function fresh(): Half {
  return { synEnd: NEVER, finEnd: NEVER, acked: 0, most: 0 };
}
