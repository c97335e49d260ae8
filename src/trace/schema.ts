/** The shape of every line of an event log, as TypeBox types and as published JSON Schema. */

import { type Static, type TSchema, Type } from 'typebox';
import { REASONS } from '../base/reasons.ts';
import { TRIGGERS } from '../tcp/output/sent-segment.ts';
import { STATE_NAMES } from '../tcp/state.ts';
import { TIMER_NAMES } from '../tcp/timers/timer-table.ts';
import { FATES } from './fault-trace.ts';
import { EVENTS, type EventName } from './record.ts';

const count = Type.Integer({ minimum: 0 });
const relative = Type.Integer({ description: 'relative to the initial sequence number' });
const uint32 = Type.Integer({ minimum: 0, maximum: 0xffffffff });
const port = Type.Integer({ minimum: 0, maximum: 65_535 });
const oneOf = (values: readonly string[]): TSchema => Type.Enum([...values]);
const maybe = (schema: TSchema): TSchema => Type.Union([schema, Type.Null()]);
const closed = { additionalProperties: false };

const state = oneOf(STATE_NAMES);
const timer = oneOf(TIMER_NAMES);
const totals = {
  sent: Type.Object({ segs: count, bytes: count, retransmitted: count }, closed),
  received: Type.Object({ segs: count, bytes: count }, closed),
};

const listenerData = Type.Object(
  { listener: count, address: Type.String(), port, backlog: count, synQueue: count, acceptQueue: count },
  closed,
);

const segmentFields = {
  flags: Type.String({ description: 'FIN,SYN,RST,PSH,ACK,URG,ECE,CWR: those that are set' }),
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
      sack: Type.Optional(Type.Array(Type.Array(relative, { minItems: 2, maxItems: 2 }))),
      malformed: Type.Optional(Type.Literal(true)),
    },
    closed,
  ),
};

const applicationData = Type.Object({ bytes: count }, closed);
const milliseconds = Type.Number();

/** Data of the events that the recorder makes itself; the others are open for their writers. */
const DATA: Partial<Record<EventName, TSchema>> = {
  'listen:opened': listenerData,
  'listen:closed': listenerData,
  'listen:queue': listenerData,
  'conn:opened': Type.Object(
    {
      role: oneOf(['active', 'passive']),
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
      trigger: Type.String({ description: "the event's name in RFC 9293 Figure 5" }),
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
    { ...segmentFields, trigger: oneOf(TRIGGERS), retransmission: Type.Boolean() },
    closed,
  ),
  'seg:judged': Type.Object(
    {
      verdict: oneOf(['accepted', 'duplicate', 'partial', 'queued-ooo', 'dropped']),
      reason: oneOf(REASONS.map((reason) => reason.name)),
      rfc: Type.String(),
    },
    closed,
  ),
  'seg:run': Type.Object({ first: count, since: Type.Number(), events: count, ...totals }, closed),
  'timer:set': Type.Object({ timer, afterMs: milliseconds, restart: Type.Boolean(), backoff: count }, closed),
  'timer:cancel': Type.Object({ timer }, closed),
  'timer:fire': Type.Object({ timer, backoff: count }, closed),
  'cc:metrics': Type.Object(
    {
      cwnd: Type.Optional(count),
      ssthresh: Type.Optional(maybe(count)),
      flight: Type.Optional(count),
      srttMs: Type.Optional(milliseconds),
      rttvarMs: Type.Optional(milliseconds),
      rtoMs: Type.Optional(milliseconds),
    },
    closed,
  ),
  'cc:state': Type.Object({ old: Type.String(), new: Type.String(), trigger: Type.String() }, closed),
  'rtt:sample': Type.Object({ ms: milliseconds, accepted: Type.Boolean() }, closed),
  'ip:dropped': Type.Object(
    { reason: oneOf(REASONS.map((reason) => reason.name)), rfc: Type.String(), len: count },
    closed,
  ),
  'app:open': applicationData,
  'app:accept': applicationData,
  'app:read': applicationData,
  'app:write': applicationData,
  'app:shutdown': applicationData,
  'app:close': applicationData,
  'app:abort': applicationData,
};

const words = (description: string): TSchema => Type.String({ description });

const ruleEvent = Type.Object(
  {
    number: Type.Integer({ minimum: 1, description: 'as "fourwave fault list" counts' }),
    rule: words('in the fault language'),
    hits: count,
    left: maybe(count),
    what: words('added; the fate of the packet that was hit; times, for, cleared, released'),
  },
  closed,
);

/** `wire:fate`: of a packet between the stack and the wire. One that is no TCP has only what every packet has. */
const fateData = Type.Object(
  {
    dir: oneOf(['in', 'out']),
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
);

DATA['wire:fate'] = fateData;
DATA['fault:rule'] = ruleEvent;
DATA['fault:hit'] = ruleEvent;
DATA['fault:expired'] = ruleEvent;

function eventSchema(name: EventName, level: string): TSchema {
  return Type.Object(
    {
      t: Type.Number({ description: 'seconds since the reference time of the header' }),
      n: Type.Integer({ minimum: 1, description: 'number of the event' }),
      ev: Type.Literal(name),
      conn: Type.Optional(Type.String({ pattern: '^c[0-9]+$' })),
      inc: Type.Optional(count),
      seg: Type.Optional(Type.Integer({ minimum: 1 })),
      cause: Type.Optional(Type.Integer({ minimum: 1 })),
      data: DATA[name] ?? Type.Object({}),
    },
    { ...closed, title: name, description: `level ${level}` },
  );
}

/** Schema of each event by its name. */
export const EVENT_SCHEMAS: Readonly<Record<EventName, TSchema>> = Object.fromEntries(
  EVENTS.map((event) => [event.name, eventSchema(event.name, event.level)]),
) as Record<EventName, TSchema>;

export const HeaderSchema = Type.Object(
  {
    tcplog: Type.Literal(1),
    title: Type.String(),
    vantage: Type.Object({ type: oneOf(['server', 'client', 'network']), name: Type.String() }),
    t0: Type.Union([Type.String(), Type.Null()]),
    clock: oneOf(['monotonic', 'virtual']),
    config: Type.Object({}),
  },
  { title: 'header' },
);
export type Header = Static<typeof HeaderSchema>;

/** Any line of a log. */
export const LineSchema: TSchema = Type.Union([HeaderSchema, ...Object.values(EVENT_SCHEMAS)]);

/** What is published as `docs/event-log.schema.json`. */
export function jsonSchema(): Record<string, unknown> {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Fourwave event log',
    description: 'One JSON object a line; the first line is the header.',
    ...(JSON.parse(JSON.stringify(LineSchema)) as Record<string, unknown>),
  };
}
