/** The table of `ss` from the world that the log tells of: the same records, at any event. */

import type { ConnectionRecord, TimerRecord } from '../../stack/connection-record.ts';
import type { ConnectionView, ListenerView, World } from '../../trace/world/types.ts';

/** Steps of a path that a record keeps. */
const PATH = 8;
/** As `ss` lists them. */
const TIMER_ORDER = [
  ...['rto', 'tlp', 'rack', 'persist', 'delayed-ack', 'keepalive'],
  ...['fin-wait-2', 'user', 'pacing', 'syn-ack', 'time-wait'],
];
/** Timers that count back-offs, probes or retries. */
const COUNTING = new Set(['rto', 'persist', 'keepalive', 'syn-ack']);

/** Listeners first, then the connections that live, in the order in which they came. */
export function recordsOf(world: World, raw = false): ConnectionRecord[] {
  const listeners = [...world.listeners.values()].sort((a, b) => a.id - b.id).map(listenerRecord);
  const open = [...world.connections.values()].filter(({ closed }) => closed === null);
  const number = ({ conn }: ConnectionView): number => Number(conn.slice(1));
  open.sort((a, b) => number(a) - number(b));
  return [...listeners, ...open.map((view) => connectionRecord(view, world.t, raw))];
}

function listenerRecord(listener: ListenerView): ConnectionRecord {
  const { id, address, port, backlog, synQueue, acceptQueue } = listener;
  return {
    ...{ id: `l${id}`, inc: 1, state: 'LISTEN', local: `${address}:${port}`, peer: '0.0.0.0:*' },
    ...{ recvQ: acceptQueue, sendQ: backlog, ageMs: null, timers: [], snd: null, rcv: null, rtt: null },
    ...{ options: null, caState: null, path: ['LISTEN'], closedFirst: null, closeReason: null },
    ...{ synQueue, acceptQueue, backlog },
  };
}

/** What a compact record does not keep is null here too: the table is the one that `ss` printed then. */
function connectionRecord(view: ConnectionView, now: number, raw: boolean): ConnectionRecord {
  const timeWait = view.state === 'TIME-WAIT';
  const full = !timeWait && !(view.state === 'SYN-RECEIVED' && view.role === 'passive');
  const { snd, buffers } = view;
  return {
    id: view.conn,
    inc: view.inc,
    state: view.state,
    local: view.local,
    peer: view.peer,
    recvQ: full ? buffers.rcv.used : 0,
    // With the SYN or FIN that is in flight.
    sendQ: full && snd !== null ? snd.nxt - snd.una + buffers.snd.unsent : 0,
    ageMs: timeWait ? null : milliseconds(now - view.openedAt),
    timers: timersOf(view, now),
    snd: sndOf(view, full, raw),
    rcv: rcvOf(view, full, raw),
    rtt: full ? { ...view.rtt, minMs: null, rtoMs: view.rtt.rtoMs ?? 0 } : null,
    options: optionsOf(view, timeWait),
    caState: full ? (view.cc.state as ConnectionRecord['caState']) : null,
    path: view.path.slice(-PATH).map(({ state }) => state),
    closedFirst: view.closedFirst,
    closeReason: null,
  };
}

function sndOf(view: ConnectionView, full: boolean, raw: boolean): ConnectionRecord['snd'] {
  const { snd, isn, cc, buffers, sent } = view;
  if (snd === null) return null;
  const iss = isn?.local ?? 0;
  return {
    iss,
    una: absolute(snd.una, iss, raw),
    nxt: absolute(snd.nxt, iss, raw),
    wnd: full ? snd.wnd : null,
    cwnd: full ? cc.cwnd : null,
    ssthresh: full ? cc.ssthresh : null,
    inFlight: full ? cc.flight : null,
    unsent: full ? buffers.snd.unsent : null,
    retransmits: full ? sent.retransmitted : null,
  };
}

function rcvOf(view: ConnectionView, full: boolean, raw: boolean): ConnectionRecord['rcv'] {
  const { rcv, isn, buffers, state } = view;
  if (rcv === null || state === 'SYN-SENT') return null;
  const irs = isn?.peer ?? 0;
  const ooo = full ? buffers.ooo : [];
  return {
    irs,
    nxt: absolute(rcv.nxt, irs, raw),
    wnd: rcv.wnd,
    buffered: full ? buffers.rcv.used : 0,
    outOfOrder: ooo.map(([start, end]) => [absolute(start, irs, raw), absolute(end, irs, raw)]),
  };
}

function optionsOf(view: ConnectionView, timeWait: boolean): ConnectionRecord['options'] {
  const { agreed, state } = view;
  if (agreed === null || state === 'SYN-SENT') return null;
  const { peerMss, wscale, sack, timestamps, ecn } = agreed;
  return { mss: timeWait ? null : peerMss, wscale, sack, timestamps, ecn };
}

function timersOf({ timers }: ConnectionView, now: number): TimerRecord[] {
  const records = timers.map(({ timer, dueAt, backoff, restarts }) => ({
    name: timer,
    remainingMs: Math.max(0, milliseconds(dueAt - now)),
    count: COUNTING.has(timer) ? backoff : 0,
    restarts: timer === 'time-wait' ? restarts : 0,
  }));
  return records.sort((a, b) => TIMER_ORDER.indexOf(a.name) - TIMER_ORDER.indexOf(b.name));
}

function absolute(relative: number, initial: number, raw: boolean): number {
  return raw ? (initial + relative) >>> 0 : relative;
}

/** To the microsecond, as the clock counts. */
function milliseconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e3;
}
