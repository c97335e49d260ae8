/** What the narrator remembers of one connection: who has said what so far. */

import type { LogEvent } from '../../trace/log-event.ts';

/** The kernel's side and ours. */
export type Side = 'K' | 'S';

/** A segment as the narrator reads it. */
export interface Segment {
  readonly from: Side;
  readonly flags: ReadonlySet<string>;
  /** Relative, of its first byte. */
  readonly first: number;
  readonly end: number;
  /** What its sender has of the other's numbers; null: it does not say. */
  readonly has: number | null;
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

/** A word of an event; '' where it has none. */
export function wordOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function segmentOf(event: LogEvent): Segment {
  const { data, ev } = event;
  return {
    from: ev === 'seg:sent' || data['dir'] === 'out' ? 'S' : 'K',
    flags: new Set(wordOf(data['flags']).split(',')),
    first: Number(data['seq'] ?? 0),
    end: Number(data['end'] ?? 0),
    has: typeof data['ack'] === 'number' ? data['ack'] : null,
    len: Number(data['len'] ?? 0),
    win: Number(data['win'] ?? 0),
    trigger: wordOf(data['trigger']),
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
      news: segment.has !== null && segment.has > peer.acked,
    };
    if (segment.flags.has('SYN')) own.synEnd = segment.first + 1;
    if (segment.flags.has('FIN')) {
      own.finEnd = segment.end;
      this.firstFin ??= segment.from;
    }
    own.most = Math.max(own.most, segment.end);
    if (segment.has !== null) peer.acked = Math.max(peer.acked, segment.has);
    if (role.third) this.established = true;
    return role;
  }

  /** Whether this segment repeats what its sender has sent before. */
  repeats(segment: Segment): boolean {
    return segment.again || (segment.end > segment.first && segment.end <= this.halves[segment.from].most);
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
    const acknowledges = segment.has !== null && segment.has >= peer.finEnd;
    if (!acknowledges) return 'crossing';
    return peer.acked >= peer.finEnd ? 'second' : 'merged';
  }

  private isThird({ flags, has }: Segment, own: Half, peer: Half): boolean {
    const pure = !flags.has('SYN') && !flags.has('RST') && has !== null;
    return pure && !this.established && own.synEnd !== NEVER && peer.synEnd !== NEVER && has >= peer.synEnd;
  }
}

function ackOfFin({ has }: Segment, peer: Half): Role['ackOfFin'] {
  if (has === null || peer.finEnd === NEVER || has < peer.finEnd) return null;
  return peer.acked >= peer.finEnd ? 'again' : 'first';
}

function fresh(): Half {
  return { synEnd: NEVER, finEnd: NEVER, acked: 0, most: 0 };
}
