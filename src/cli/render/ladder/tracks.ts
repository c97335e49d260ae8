/** What the ladder remembers of each connection, and which connection a segment without one belongs to. */

import type { ConnectionView } from '../../../trace/world/types.ts';
import type { EventLine } from '../event.ts';
import { Seen } from './seen.ts';
import { numberOf, plain } from './text.ts';

/** A guess about the peer that waits for the segment on which it stands to arrive. */
interface Withheld {
  readonly state: string;
  /** What it sent and acknowledged. */
  readonly until: number;
  readonly ackUntil: number;
}

export class Track {
  readonly key: string;
  /** As it is shown. */
  readonly name: string;
  local = '';
  peer = '';
  /** Initial sequence numbers; null: not told. */
  isn: { readonly local: number; readonly peer: number } | null = null;
  state = '';
  /** The peer's, without its label. */
  peerState = '';
  /** What it was before the newest guess. */
  peerBefore = '';
  withheld: Withheld | null = null;
  readonly seen = new Seen();
  /** Our SYN has gone. */
  synSent = false;

  constructor(key: string, incarnation: number) {
    this.key = key;
    const name = plain(key).slice(0, 12);
    this.name = incarnation > 1 ? `${name}.${incarnation}` : name;
  }
}

const MOST = 4096;

export class Tracks {
  private readonly byKey = new Map<string, Track>();
  private readonly byEnds = new Map<string, Track>();

  /** The event's connection; made when the log has not told of its beginning. */
  of(event: EventLine): Track | null {
    const { conn } = event;
    if (conn === undefined) return null;
    return this.byKey.get(conn) ?? this.add(event, conn);
  }

  known(key: string): Track | null {
    return this.byKey.get(key) ?? null;
  }

  /** Starts a connection anew. */
  open(event: EventLine, conn: string): Track {
    this.byKey.delete(conn);
    const track = this.add(event, conn);
    track.local = plain(event.data['local']);
    track.peer = plain(event.data['peer']);
    const isn = event.data['isn'] as { local?: unknown; peer?: unknown } | null | undefined;
    if (typeof isn?.local === 'number' && typeof isn.peer === 'number') {
      track.isn = { local: isn.local, peer: isn.peer };
    }
    const ends = `${track.local} ${track.peer}`;
    this.byEnds.delete(ends);
    this.byEnds.set(ends, track);
    forgetOldest(this.byEnds);
    return track;
  }

  /** As it is by now. */
  begin(view: ConnectionView): Track {
    const { conn, inc, local, peer, isn } = view;
    const track = new Track(conn, inc);
    this.byKey.delete(conn);
    this.byKey.set(conn, track);
    forgetOldest(this.byKey);
    Object.assign(track, { local: plain(local), peer: plain(peer), state: plain(view.state), synSent: true });
    track.peerState = plain(view.peerState?.state);
    if (isn !== null && isn.peer !== null) track.isn = { local: isn.local, peer: isn.peer };
    this.byEnds.set(`${track.local} ${track.peer}`, track);
    forgetOldest(this.byEnds);
    if (view.rcv !== null) track.seen.take(0, view.rcv.nxt);
    return track;
  }

  /** By the addresses of a segment: the last connection between them. */
  between(raw: unknown, received: boolean): Track | null {
    return this.named(endsOf(raw, received));
  }

  /** By `local peer`. */
  named(ends: string): Track | null {
    return this.byEnds.get(ends) ?? null;
  }

  private add(event: EventLine, conn: string): Track {
    const track = new Track(conn, numberOf(event.inc) || 1);
    this.byKey.set(conn, track);
    forgetOldest(this.byKey);
    return track;
  }
}

function forgetOldest(map: Map<string, Track>): void {
  if (map.size <= MOST) return;
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}

/** `local peer` of a segment, as far as it is told. */
export function endsOf(raw: unknown, received: boolean): string {
  if (typeof raw !== 'object' || raw === null) return '';
  const { src, sport, dst, dport } = raw as Record<string, unknown>;
  const [from, to] = [`${plain(src)}:${plain(sport)}`, `${plain(dst)}:${plain(dport)}`];
  return received ? `${to} ${from}` : `${from} ${to}`;
}
