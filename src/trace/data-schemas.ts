/** What each event of the log says, as TypeBox types: the field `data` of its line. */

import { type Static, type TSchema, Type } from 'typebox';
import { TRIGGERS } from '../tcp/output/sent-segment.ts';
import { FATES } from './fault-trace.ts';
import { ACTS } from './judged.ts';
import type { EventName } from './record.ts';
import { RESET_REASONS } from './reset-reasons.ts';
import {
  bytes,
  closed,
  count,
  maybe,
  milliseconds,
  more,
  oneOf,
  port,
  range,
  ranges,
  reason,
  relative,
  rfc,
  state,
  timer,
  uint32,
  words,
} from './schema-parts.ts';
import { connectionView, keyframe } from './world/schema.ts';

const totals = {
  sent: Type.Object({ segs: count, bytes, retransmitted: count }, closed),
  received: Type.Object({ segs: count, bytes }, closed),
};

const open = Type.Object({});

const listener = Type.Object(
  { listener: count, address: Type.String(), port, backlog: count, synQueue: count, acceptQueue: count },
  closed,
);

const segmentFields = {
  flags: words('FIN,SYN,RST,PSH,ACK,URG,ECE,CWR: those that are set'),
  seq: relative,
  end: relative,
  ack: maybe(relative),
  win: Type.Number({ minimum: 0, description: 'bytes, scaled' }),
  len: count,
  segs: Type.Integer({ minimum: 1, description: 'wire segments that it stands for' }),
  raw: Type.Object(
    {
      seq: uint32,
      ack: uint32,
      win: port,
      up: port,
      src: Type.String(),
      sport: port,
      dst: Type.String(),
      dport: port,
    },
    closed,
  ),
  opts: Type.Object(
    {
      mss: Type.Optional(port),
      wscale: Type.Optional(count),
      sackPermitted: Type.Optional(Type.Literal(true)),
      ts: Type.Optional(Type.Array(uint32, { minItems: 2, maxItems: 2 })),
      sack: Type.Optional(Type.Array(range)),
      malformed: Type.Optional(Type.Literal(true)),
    },
    closed,
  ),
};

const application = Type.Object({ bytes: count }, closed);

const rule = Type.Object(
  {
    number: Type.Integer({ minimum: 1, description: 'as "fourwave fault list" counts' }),
    rule: words('in the fault language'),
    hits: count,
    left: maybe(count),
    what: words('added; the fate of the packet that was hit; times, for, cleared, released'),
  },
  closed,
);

const by = words('the event that made it happen; empty when none is known');

/** Data of every event. Those whose writers are outside the stack are open. */
export const DATA = {
  'stack:started': Type.Object(
    {
      addresses: Type.Array(Type.String()),
      mtu: count,
      tun: Type.String(),
      offload: Type.Array(Type.String()),
      uid: maybe(Type.Integer({ description: 'whose privileges are left' })),
    },
    closed,
  ),
  'stack:stopped': Type.Object({}, closed),
  'stack:config': Type.Object({ key: Type.String(), value: Type.String() }, closed),
  'listen:opened': listener,
  'listen:closed': listener,
  'listen:queue': listener,
  'conn:opened': Type.Object(
    {
      role: oneOf(['active', 'passive'] as const),
      local: Type.String(),
      peer: Type.String(),
      isn: Type.Object({ local: uint32, peer: maybe(uint32) }, closed),
    },
    closed,
  ),
  'conn:state': Type.Object(
    {
      old: state,
      new: state,
      trigger: words("the event's name in RFC 9293 Figure 5"),
      agreed: Type.Optional(
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
    },
    closed,
  ),
  'conn:closed': Type.Object({ reason: Type.String(), error: maybe(Type.String()), ...totals }, closed),
  'seg:received': Type.Object(segmentFields, closed),
  'seg:sent': Type.Object(
    {
      ...segmentFields,
      trigger: oneOf(TRIGGERS),
      retransmission: Type.Boolean(),
      retransOf: Type.Optional(
        Type.Integer({ minimum: 1, description: 'the segment that carried its first byte first' }),
      ),
      copyNo: Type.Optional(Type.Integer({ minimum: 2, description: 'how often that byte has been sent' })),
    },
    closed,
  ),
  'seg:judged': Type.Object(
    {
      verdict: oneOf(['accepted', 'duplicate', 'partial', 'queued-ooo', 'dropped'] as const),
      reason,
      rfc,
      state: Type.Optional(state),
      checks: Type.Array(
        Type.Object(
          { rule: words('RFC 9293 section, number, name'), ok: Type.Boolean(), why: words('') },
          closed,
        ),
      ),
      acts: Type.Array(oneOf(ACTS)),
    },
    closed,
  ),
  'seg:run': Type.Object({ first: count, since: Type.Number(), events: count, ...totals }, closed),
  'timer:set': Type.Object(
    { timer, afterMs: milliseconds, restart: Type.Boolean(), backoff: count, by },
    closed,
  ),
  'timer:cancel': Type.Object({ timer, by }, closed),
  'timer:fire': Type.Object({ timer, backoff: count }, closed),
  'cc:metrics': Type.Object(
    {
      cwnd: Type.Optional(bytes),
      ssthresh: Type.Optional(maybe(bytes)),
      flight: Type.Optional(bytes),
      srttMs: Type.Optional(milliseconds),
      rttvarMs: Type.Optional(milliseconds),
      rtoMs: Type.Optional(milliseconds),
      pipe: Type.Optional(bytes),
    },
    closed,
  ),
  'cc:state': Type.Object({ old: Type.String(), new: Type.String(), trigger: Type.String() }, closed),
  'rtt:sample': Type.Object(
    { ms: milliseconds, accepted: Type.Boolean(), via: oneOf(['ack', 'ts', 'karn'] as const) },
    closed,
  ),
  'app:open': application,
  'app:accept': application,
  'app:read': application,
  'app:write': application,
  'app:shutdown': application,
  'app:close': application,
  'app:abort': application,
  'ip:dropped': Type.Object({ reason, rfc, len: count }, closed),
  'ip:icmp': Type.Object(
    {
      reason,
      rfc,
      type: count,
      code: count,
      mtu: Type.Integer({ minimum: 0, description: 'of the next hop; 0 = not told' }),
      local: words('of the quoted segment'),
      peer: words('of the quoted segment'),
    },
    closed,
  ),
  'wire:fate': Type.Object(
    {
      dir: oneOf(['in', 'out'] as const),
      fate: oneOf(FATES),
      by: words('rule#N, or command'),
      rule: words('the rule or the command, in the fault language'),
      until: Type.Optional(Type.Number({ description: 'seconds, when it goes on' })),
      protocol: Type.Optional(count),
      flags: Type.Optional(segmentFields.flags),
      seq: Type.Optional(relative),
      end: Type.Optional(relative),
      ack: Type.Optional(maybe(relative)),
      win: Type.Optional(segmentFields.win),
      len: count,
      raw: Type.Object(
        {
          seq: Type.Optional(uint32),
          ack: Type.Optional(uint32),
          win: Type.Optional(port),
          up: Type.Optional(port),
          src: Type.String(),
          sport: Type.Optional(port),
          dst: Type.String(),
          dport: Type.Optional(port),
        },
        closed,
      ),
    },
    closed,
  ),
  'rst:why': Type.Object(
    { reason: oneOf(RESET_REASONS.map((row) => row.name)), rfc, local: Type.String(), peer: Type.String() },
    closed,
  ),
  'snd:window': Type.Object({ una: relative, nxt: relative, max: relative, wnd: bytes, mss: bytes }, closed),
  'rcv:window': Type.Object({ nxt: relative, wnd: bytes, wl1: relative, wl2: relative }, closed),
  'buf:snd': Type.Object({ used: bytes, unsent: bytes, limit: bytes }, closed),
  'buf:rcv': Type.Object({ used: bytes, limit: bytes }, closed),
  'buf:ooo': Type.Object({ ranges, more }, closed),
  'sack:board': Type.Object({ sacked: ranges, lost: ranges, more }, closed),
  'peer:state': Type.Object(
    {
      state,
      source: oneOf(['observed', 'inferred'] as const),
      between: Type.Optional(
        Type.Array(Type.Number(), { minItems: 2, maxItems: 2, description: 'seconds: asked, answered' }),
      ),
      recvQ: Type.Optional(count),
      sendQ: Type.Optional(count),
      timer: Type.Optional(Type.String()),
    },
    closed,
  ),
  'fault:rule': rule,
  'fault:hit': rule,
  'fault:expired': rule,
  'lab:step': open,
  'lab:predict': open,
  'lab:check': open,
  'lab:result': open,
  'log:lost': Type.Object(
    { events: Type.Integer({ minimum: 1, description: 'that the disk was too slow for, before this line' }) },
    closed,
  ),
  'log:keyframe': keyframe,
  'log:connection': connectionView,
} satisfies Record<EventName, TSchema>;

/** `EventData['conn:state']`: the type of that event's `data`. */
export type EventData = { readonly [Name in EventName]: Static<(typeof DATA)[Name]> };
