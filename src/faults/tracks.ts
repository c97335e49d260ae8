/** What has been seen of each connection while there were rules. */

import { type Seq, seqAdd, seqGt, seqLt } from '../base/seq.ts';
import type { State } from '../tcp/state.ts';
import { ACK, FIN, RST, SYN } from '../wire/segment.ts';
import type { Sight } from './sight.ts';
import type { ConnectionSight } from './world.ts';

/** One direction of a connection. */
export class Course {
  /** The initial sequence number, once known. */
  isn: Seq | null = null;
  /** One past the highest number sent. */
  end: Seq | null = null;
  /** The number of the FIN. */
  fin: Seq | null = null;

  begin(isn: Seq): void {
    this.isn = isn;
    this.end = null;
    this.fin = null;
  }
}

const PEER_HAS_CLOSED: readonly State[] = ['CLOSE-WAIT', 'LAST-ACK', 'CLOSING', 'TIME-WAIT'];
const OUR_FIN_IS_THERE: readonly State[] = ['FIN-WAIT-2', 'CLOSING', 'LAST-ACK', 'TIME-WAIT'];

/** One incarnation of a four-tuple. */
export class Track {
  readonly in = new Course();
  readonly out = new Course();
  /** Whose FIN was the first. */
  firstFin: 'in' | 'out' | null = null;
  /** When a segment last passed, µs. */
  passedAt: number;
  /** Number of the packet with which it began; 0: it was there before the first rule. */
  readonly since: number;

  // What the peer must know: what has reached it.
  gotSyn = false;
  gotAckOfSyn = false;
  gotFin = false;
  gotAckOfFin = false;
  /** Its FIN was sent after ours had reached it. */
  passive = false;
  reset = false;

  constructor(since: number, now: number) {
    this.since = since;
    this.passedAt = now;
  }

  /** A connection that was open before anybody looked. */
  adopt({ iss, irs, sndNxt, rcvNxt, state }: ConnectionSight): void {
    this.out.isn ??= iss;
    this.out.end ??= sndNxt;
    // Zero is what an end without a peer's SYN has.
    if (state === 'SYN-SENT') return;
    this.in.isn ??= irs;
    this.in.end ??= rcvNxt;
    this.gotSyn = true;
    this.gotAckOfSyn = state !== 'SYN-RECEIVED';
    this.adoptClose(state, sndNxt, rcvNxt);
  }

  private adoptClose(state: State, sndNxt: Seq, rcvNxt: Seq): void {
    const theirs = PEER_HAS_CLOSED.includes(state);
    const ours = OUR_FIN_IS_THERE.includes(state);
    if (theirs) this.in.fin = seqAdd(rcvNxt, -1);
    if (ours) this.out.fin = seqAdd(sndNxt, -1);
    this.gotAckOfFin = theirs;
    this.gotFin = ours;
    const peerFirst = state === 'CLOSE-WAIT' || state === 'LAST-ACK';
    this.passive = ours && !peerFirst;
    if (theirs || ours) this.firstFin = peerFirst ? 'in' : 'out';
  }

  /** The sender has sent this. Says whether it was a repetition. */
  sent(sight: Sight): boolean {
    const { direction, flags, seq, space } = sight;
    const course = this[direction];
    if ((flags & SYN) !== 0 && course.isn !== seq) course.begin(seq);
    if (direction === 'in' && (flags & RST) !== 0) this.reset = true;
    if (space === 0) return false;
    const known = course.end;
    const end = seqAdd(seq, space);
    if (known === null || seqGt(end, known)) course.end = end;
    if ((flags & FIN) !== 0 && course.fin === null) this.closes(direction, seqAdd(end, -1));
    return known !== null && seqLt(seq, known);
  }

  private closes(direction: 'in' | 'out', fin: Seq): void {
    this[direction].fin = fin;
    this.firstFin ??= direction;
    if (direction === 'in') this.passive = this.gotFin;
  }

  /** It goes on to its receiver. */
  passed(sight: Sight): void {
    this.passedAt = sight.now;
    const { direction, flags, ack } = sight;
    if (direction === 'in') return;
    if ((flags & RST) !== 0) this.reset = true;
    if ((flags & SYN) !== 0) this.gotSyn = true;
    if ((flags & FIN) !== 0) this.gotFin = true;
    if ((flags & ACK) === 0) return;
    const { isn, fin } = this.in;
    if (isn !== null && seqGt(ack, isn)) this.gotAckOfSyn = true;
    if (fin !== null && seqGt(ack, fin)) this.gotAckOfFin = true;
  }

  /** The state of the peer, from what it has sent and what has reached it: a guess, and a good one. */
  get peerState(): State {
    if (this.reset) return 'CLOSED';
    if (this.in.isn === null) return 'LISTEN';
    if (!this.gotSyn) return 'SYN-SENT';
    if (!this.gotAckOfSyn) return 'SYN-RECEIVED';
    const closing = this.in.fin !== null;
    if (!closing) return this.gotFin ? 'CLOSE-WAIT' : 'ESTABLISHED';
    if (!this.gotFin) return this.gotAckOfFin ? 'FIN-WAIT-2' : 'FIN-WAIT-1';
    if (this.passive) return this.gotAckOfFin ? 'CLOSED' : 'LAST-ACK';
    return this.gotAckOfFin ? 'TIME-WAIT' : 'CLOSING';
  }
}

/** Connections that are watched at a time; the one known longest makes room. */
const MAX_TRACKS = 8_192;

export class Tracks {
  private readonly tracks = new Map<number, Map<number, Track>>();
  private count = 0;

  /** The track of the sight's connection; a SYN with another number begins a new one. `order`: of the packet. */
  of(sight: Sight, order: number): Track {
    const known = this.find(sight);
    const begins = (sight.flags & (SYN | ACK)) === SYN;
    if (known !== null && !(begins && isNew(known, sight))) return known;
    const track = new Track(begins ? order : 0, sight.now);
    if (sight.connection !== null && !begins) {
      track.adopt(sight.connection);
      // Whether this packet is in what was sent already cannot be told.
      track[sight.direction].end = null;
    }
    this.put(peerKey(sight), localKey(sight), track);
    return track;
  }

  find(sight: Sight): Track | null {
    return this.tracks.get(peerKey(sight))?.get(localKey(sight)) ?? null;
  }

  /** A connection that was there before anything was seen of it. */
  adopt(connection: ConnectionSight, now: number): void {
    const { localAddress, localPort, peerAddress, peerPort } = connection;
    const track = new Track(0, now);
    track.adopt(connection);
    this.put(key(peerAddress, peerPort), key(localAddress, localPort), track);
  }

  clear(): void {
    this.tracks.clear();
    this.count = 0;
  }

  private put(outer: number, inner: number, track: Track): void {
    let row = this.tracks.get(outer);
    if (row === undefined) {
      if (this.count >= MAX_TRACKS) this.evict();
      row = new Map();
      this.tracks.set(outer, row);
    }
    if (!row.has(inner)) this.count++;
    row.set(inner, track);
  }

  private evict(): void {
    for (const [outer, row] of this.tracks) {
      this.tracks.delete(outer);
      this.count -= row.size;
      return;
    }
  }
}

function localKey({ direction, source, sourcePort, destination, destinationPort }: Sight): number {
  return direction === 'in' ? key(destination, destinationPort) : key(source, sourcePort);
}

function peerKey({ direction, source, sourcePort, destination, destinationPort }: Sight): number {
  return direction === 'in' ? key(source, sourcePort) : key(destination, destinationPort);
}

/** One end as an exact number. */
function key(address: number, port: number): number {
  return (address >>> 0) * 65_536 + port;
}

/** A first SYN of the other side is a simultaneous open, not another connection. */
function isNew(track: Track, sight: Sight): boolean {
  const { isn } = track[sight.direction];
  const other = track[sight.direction === 'in' ? 'out' : 'in'];
  if (isn !== null) return isn !== sight.seq;
  return other.end !== null && other.isn !== null && other.end !== seqAdd(other.isn, 1);
}
