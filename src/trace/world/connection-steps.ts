/** Lifecycle, timers and congestion control in the world. */

import type { State } from '../../tcp/state.ts';
import type { TimerName } from '../../tcp/timers/timer-table.ts';
import { begin, type ConnectionDraft, noteClosed } from './draft.ts';
import { keep, type Steps } from './step.ts';
import { type PathStep, SERIES } from './types.ts';

function closedFirst(old: State, now: State): ConnectionDraft['closedFirst'] {
  if (now === 'FIN-WAIT-1') return 'us';
  if (now === 'CLOSE-WAIT') return 'peer';
  return now === 'CLOSING' && old === 'FIN-WAIT-1' ? 'both' : null;
}

function enter(connection: ConnectionDraft, step: PathStep): void {
  connection.path.push(step);
  Object.assign(connection, { state: step.state });
}

/** Takes a timer out; it comes back as what it was. */
function disarm(connection: ConnectionDraft, timer: TimerName) {
  const place = connection.timers.findIndex((armed) => armed.timer === timer);
  return place < 0 ? undefined : connection.timers.splice(place, 1)[0];
}

export const CONNECTION_STEPS: Steps = {
  'conn:opened': (_old, event, data, draft) => {
    const connection = begin(draft, event);
    const { role, local, peer, isn } = data;
    Object.assign(connection, { role, local, peer, isn });
    // The passive OPEN was the listener's: its connections begin where it stands.
    if (role === 'passive')
      enter(connection, { state: 'LISTEN', t: event.t, n: event.n, trigger: 'passive OPEN' });
  },
  'conn:state': (connection, { t, n }, data) => {
    enter(connection, { state: data.new, t, n, trigger: data.trigger });
    if (data.agreed !== undefined) {
      connection.agreed = { ...data.agreed, wscale: data.agreed.wscale as [number, number] | null };
    }
    connection.closedFirst = closedFirst(data.old, data.new) ?? connection.closedFirst;
  },
  'conn:closed': (connection, { t, n, conn }, data, draft) => {
    const { reason, error, sent, received } = data;
    connection.closed = { t, n, reason, error };
    connection.inFlight.length = 0;
    // A compact record counts nothing: what the log has told stays.
    if (sent.segs >= connection.sent.segs) connection.sent = { ...sent };
    if (received.segs >= connection.received.segs) connection.received = { ...received, retransmitted: 0 };
    noteClosed(draft, conn as string);
  },
  'timer:set': (connection, { t, n, cause }, data) => {
    const { timer, afterMs, backoff, restart } = data;
    const before = disarm(connection, timer);
    connection.timers.push({
      timer,
      setAt: t,
      dueAt: Math.round(t * 1e6 + afterMs * 1e3) / 1e6,
      backoff,
      restarts: restart ? (before?.restarts ?? 0) + 1 : 0,
      n,
      cause: cause ?? 0,
    });
  },
  'timer:cancel': (connection, _event, { timer }) => {
    disarm(connection, timer);
  },
  'timer:fire': (connection, _event, { timer }) => {
    disarm(connection, timer);
  },
  'cc:metrics': (connection, { t }, data) => {
    const { cc, rtt, series } = connection;
    const { cwnd, ssthresh, flight, pipe, srttMs, rttvarMs, rtoMs } = data;
    connection.cc = {
      state: cc.state,
      cwnd: cwnd ?? cc.cwnd,
      ssthresh: ssthresh === undefined ? cc.ssthresh : ssthresh,
      flight: flight ?? cc.flight,
      pipe: pipe ?? cc.pipe,
    };
    connection.rtt = {
      srttMs: srttMs ?? rtt.srttMs,
      rttvarMs: rttvarMs ?? rtt.rttvarMs,
      rtoMs: rtoMs ?? rtt.rtoMs,
    };
    if (cwnd !== undefined) keep(series.cwnd, { t, value: cwnd }, SERIES);
    if (typeof ssthresh === 'number') keep(series.ssthresh, { t, value: ssthresh }, SERIES);
  },
  'cc:state': (connection, _event, data) => {
    connection.cc = { ...connection.cc, state: data.new };
  },
  'rtt:sample': (connection, { t }, { ms, accepted }) => {
    if (accepted) keep(connection.series.rttMs, { t, value: ms }, SERIES);
  },
  'app:write': (connection, _event, { bytes }) => {
    connection.written += bytes;
  },
  'app:read': (connection, _event, { bytes }) => {
    connection.read += bytes;
  },
  'peer:state': (connection, { t, n }, data) => {
    const { state, source, recvQ, sendQ, timer } = data;
    connection.peerState = {
      state,
      source,
      t,
      n,
      recvQ: recvQ ?? null,
      sendQ: sendQ ?? null,
      timer: timer ?? null,
    };
  },
};
