/** The world while it is being made: the same data, writable. */

import type { LogEvent } from '../log-event.ts';
import { CLOSED, type ConnectionView, type World } from './types.ts';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** A connection whose fields and own lists may be written. What lies deeper is replaced, never changed. */
export type ConnectionDraft = Mutable<
  Omit<ConnectionView, 'path' | 'timers' | 'inFlight' | 'faults' | 'series'>
> & {
  path: ConnectionView['path'][number][];
  timers: ConnectionView['timers'][number][];
  inFlight: ConnectionView['inFlight'][number][];
  faults: ConnectionView['faults'][number][];
  series: { [Name in keyof ConnectionView['series']]: ConnectionView['series'][Name][number][] };
};

/** A world in the making. */
export class Draft {
  readonly world: World & { closed: string[] };
  /** The connections that no snapshot shares. */
  readonly own = new Set<string>();

  /** Shares every connection with `from`, which stays as it is: whoever changes one first copies it. */
  constructor(from: World = NOTHING) {
    this.world = {
      ...from,
      connections: new Map(from.connections),
      closed: [...from.closed],
      listeners: new Map(from.listeners),
      rules: new Map(from.rules),
      reasons: new Map(from.reasons),
      counts: new Map(from.counts),
    };
  }
}

/** The world before any event. */
const NOTHING: World = {
  n: 0,
  t: 0,
  events: 0,
  connections: new Map(),
  closed: [],
  listeners: new Map(),
  rules: new Map(),
  reasons: new Map(),
  counts: new Map(),
};

/** The event's connection, writable; made when the log has not told of its beginning. Null: it has none. */
export function writable(draft: Draft, event: LogEvent): ConnectionDraft | null {
  const { conn } = event;
  if (conn === undefined) return null;
  const known = draft.world.connections.get(conn);
  if (known === undefined) return add(draft, newConnection(event));
  if (draft.own.has(conn)) return known as ConnectionDraft;
  return add(draft, copyOf(known));
}

/** The connection is over: of those that are, the one that has been longest makes room. */
export function noteClosed({ world, own }: Draft, conn: string): void {
  world.closed.push(conn);
  if (world.closed.length <= CLOSED) return;
  const oldest = world.closed.shift() as string;
  world.connections.delete(oldest);
  own.delete(oldest);
}

/** Starts a connection anew: `conn:opened`. */
export function begin(draft: Draft, event: LogEvent): ConnectionDraft {
  return add(draft, newConnection(event));
}

function add({ world, own }: Draft, connection: ConnectionDraft): ConnectionDraft {
  world.connections.set(connection.conn, connection);
  own.add(connection.conn);
  return connection;
}

function copyOf(view: ConnectionView): ConnectionDraft {
  return {
    ...view,
    path: [...view.path],
    timers: [...view.timers],
    inFlight: [...view.inFlight],
    faults: [...view.faults],
    series: {
      cwnd: [...view.series.cwnd],
      ssthresh: [...view.series.ssthresh],
      rttMs: [...view.series.rttMs],
    },
    sent: { ...view.sent },
    received: { ...view.received },
  };
}

function newConnection({ conn, inc, t, n }: LogEvent): ConnectionDraft {
  return {
    conn: conn as string,
    inc: inc ?? 1,
    role: null,
    local: '',
    peer: '',
    isn: null,
    openedAt: t,
    openedBy: n,
    state: 'CLOSED',
    path: [],
    agreed: null,
    closed: null,
    closedFirst: null,
    timers: [],
    snd: null,
    rcv: null,
    cc: { state: 'open', cwnd: null, ssthresh: null, flight: 0, pipe: 0 },
    rtt: { srttMs: null, rttvarMs: null, rtoMs: null },
    series: { cwnd: [], ssthresh: [], rttMs: [] },
    buffers: { snd: { used: 0, unsent: 0, limit: 0 }, rcv: { used: 0, limit: 0 }, ooo: [] },
    sack: { sacked: [], lost: [] },
    peerState: null,
    inFlight: [],
    faults: [],
    sent: { segs: 0, bytes: 0, retransmitted: 0 },
    received: { segs: 0, bytes: 0, retransmitted: 0 },
    lastSentAt: null,
    lastReceivedAt: null,
    written: 0,
    read: 0,
    n,
  };
}
