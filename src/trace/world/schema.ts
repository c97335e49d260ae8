/** The lines of a keyframe: the world, and every connection in it, as the log tells them. */

import { Type } from 'typebox';
import {
  bytes,
  closed,
  count,
  maybe,
  milliseconds,
  oneOf,
  port,
  ranges,
  relative,
  state,
  timer,
  uint32,
  words,
} from '../schema-parts.ts';

const seconds = Type.Number({ description: 'seconds since the reference time' });
const event = Type.Integer({ minimum: 0, description: 'number of an event, 0 = none' });
const samples = Type.Array(Type.Array(Type.Number(), { minItems: 2, maxItems: 2 }), {
  description: '[time, value]',
});
const segments = Type.Object({ segs: count, bytes, retransmitted: count }, closed);

/** `data` of `log:keyframe`. */
export const keyframe = Type.Object(
  {
    connections: Type.Integer({ minimum: 0, description: 'lines log:connection that follow' }),
    events: Type.Integer({
      minimum: 0,
      description: 'so far, those that merged none and those that are lost',
    }),
    closed: Type.Array(Type.String(), { description: 'connections that are over, oldest first' }),
    listeners: Type.Array(
      Type.Object(
        { id: count, address: Type.String(), port, backlog: count, synQueue: count, acceptQueue: count },
        closed,
      ),
    ),
    rules: Type.Array(
      Type.Object(
        {
          number: count,
          rule: Type.String(),
          hits: count,
          left: maybe(count),
          expired: maybe(Type.String()),
        },
        closed,
      ),
    ),
    reasons: Type.Record(Type.String(), count, { description: 'how often each reason was given' }),
    counts: Type.Record(Type.String(), count, { description: 'how often each event happened' }),
  },
  closed,
);

const pathStep = Type.Object({ state, t: seconds, n: event, trigger: Type.String() }, closed);

const armed = Type.Object(
  { timer, setAt: seconds, dueAt: seconds, backoff: count, restarts: count, n: event, cause: event },
  closed,
);

const peerState = Type.Object(
  {
    state,
    source: oneOf(['observed', 'inferred'] as const),
    t: seconds,
    n: event,
    recvQ: maybe(count),
    sendQ: maybe(count),
    timer: maybe(Type.String()),
  },
  closed,
);

const flight = Type.Object(
  {
    seg: count,
    n: event,
    t: seconds,
    seq: relative,
    end: relative,
    copies: Type.Integer({ minimum: 1 }),
    fate: maybe(Type.String()),
  },
  closed,
);

const hit = Type.Object(
  {
    n: event,
    t: seconds,
    seg: count,
    dir: oneOf(['in', 'out'] as const),
    fate: Type.String(),
    by: Type.String(),
    rule: words('the rule or the command, in the fault language'),
  },
  closed,
);

/** `data` of `log:connection`: what is known of it, {@link ConnectionView} without its name. */
export const connectionView = Type.Object(
  {
    role: maybe(oneOf(['active', 'passive'] as const)),
    local: Type.String(),
    peer: Type.String(),
    isn: maybe(Type.Object({ local: uint32, peer: maybe(uint32) }, closed)),
    openedAt: seconds,
    openedBy: event,
    state,
    path: Type.Array(pathStep),
    agreed: maybe(
      Type.Object(
        {
          peerMss: count,
          wscale: maybe(Type.Array(count, { minItems: 2, maxItems: 2 })),
          sack: Type.Boolean(),
          timestamps: Type.Boolean(),
          ecn: Type.Boolean(),
        },
        closed,
      ),
    ),
    closed: maybe(
      Type.Object({ t: seconds, n: event, reason: Type.String(), error: maybe(Type.String()) }, closed),
    ),
    closedFirst: maybe(oneOf(['us', 'peer', 'both'] as const)),
    timers: Type.Array(armed),
    snd: maybe(Type.Object({ una: relative, nxt: relative, max: relative, wnd: bytes, mss: bytes }, closed)),
    rcv: maybe(Type.Object({ nxt: relative, wnd: bytes, wl1: relative, wl2: relative }, closed)),
    cc: Type.Object(
      { state: Type.String(), cwnd: maybe(bytes), ssthresh: maybe(bytes), flight: bytes, pipe: bytes },
      closed,
    ),
    rtt: Type.Object(
      { srttMs: maybe(milliseconds), rttvarMs: maybe(milliseconds), rtoMs: maybe(milliseconds) },
      closed,
    ),
    series: Type.Object({ cwnd: samples, ssthresh: samples, rttMs: samples }, closed),
    buffers: Type.Object(
      {
        snd: Type.Object({ used: bytes, unsent: bytes, limit: bytes }, closed),
        rcv: Type.Object({ used: bytes, limit: bytes }, closed),
        ooo: ranges,
      },
      closed,
    ),
    sack: Type.Object({ sacked: ranges, lost: ranges }, closed),
    peerState: maybe(peerState),
    inFlight: Type.Array(flight),
    faults: Type.Array(hit),
    sent: segments,
    received: segments,
    lastSentAt: maybe(seconds),
    lastReceivedAt: maybe(seconds),
    written: count,
    read: count,
    n: event,
  },
  closed,
);
