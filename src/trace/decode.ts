/** Rows of numbers → events for readers. */

import { REASONS } from '../base/reasons.ts';
import { TRIGGERS } from '../tcp/output/sent-segment.ts';
import { STATE_NAMES } from '../tcp/state.ts';
import { TIMER_NAMES } from '../tcp/timers/timer-table.ts';
import { formatAddress } from '../wire/address.ts';
import { SYN } from '../wire/segment.ts';
import { fateData, ruleData } from './decode-fault.ts';
import { VARIABLE_DECODERS } from './decode-variables.ts';
import { actNames, checksOf } from './judged.ts';
import type { LogEvent } from './log-event.ts';
import { flagNames, milliseconds, relative, seconds } from './readable.ts';
import * as record from './record.ts';
import { RESET_REASONS } from './reset-reasons.ts';
import type { ConnectionLog } from './rings.ts';
import type { Words } from './strings.ts';

type Data = Record<string, unknown>;

/** Everything that reading one row takes. */
export interface RowSource {
  readonly rows: Float64Array;
  /** Offset of the row. */
  readonly at: number;
  /** µs of `t` = 0. */
  readonly origin: number;
  readonly words: Words;
  readonly log: ConnectionLog | null;
  /** Data of an event that is no row of numbers. */
  readonly note: Readonly<Data> | null;
}

const METRIC_NAMES = ['cwnd', 'ssthresh', 'flight', 'srttMs', 'rttvarMs', 'rtoMs', 'pipe'];
/** What ssthresh is while there is none, or more; no other metric comes near. */
const NO_SSTHRESH = 0x7fffffff;
const TIME_METRICS = new Set([3, 4, 5]);
const RTT_SOURCES = ['karn', 'ack', 'ts'];
const ACK_BIT = 0x10;

export function decodeRow(source: RowSource): LogEvent {
  const { rows, at, origin, note } = source;
  const field = (place: number): number => rows[at + place] as number;
  const name = (record.EVENTS[field(record.AT_CODE)] as { name: record.EventName }).name;
  const connection = field(record.AT_CONNECTION);
  const segment = field(record.AT_SEGMENT);
  const cause = field(record.AT_CAUSE);
  return {
    t: seconds(field(record.AT_TIME) - origin),
    n: field(record.AT_N),
    ev: name,
    ...(connection < 0 ? {} : { conn: `c${connection}`, inc: field(record.AT_INCARNATION) }),
    ...(segment === 0 ? {} : { seg: segment }),
    ...(cause === 0 ? {} : { cause }),
    data: note ?? dataOf(name, source),
  };
}

/** What is left of the events that a connection's log has merged. */
export function decodeRun(log: ConnectionLog, origin: number): LogEvent {
  const { run } = log;
  return {
    t: seconds(run.to - origin),
    n: run.last,
    ev: 'seg:run',
    conn: `c${log.id}`,
    inc: log.incarnation,
    data: {
      first: run.first,
      since: seconds(run.from - origin),
      events: run.events,
      sent: { segs: run.sentSegments, bytes: run.sentBytes, retransmitted: run.retransmissions },
      received: { segs: run.receivedSegments, bytes: run.receivedBytes },
    },
  };
}

type Decoder = (value: (index: number) => number, source: RowSource) => Data;

const application: Decoder = (value) => ({ bytes: value(0) });

const listener: Decoder = (value) => ({
  listener: value(0),
  address: formatAddress(value(1)),
  port: value(2),
  backlog: value(3),
  synQueue: value(4),
  acceptQueue: value(5),
});

const DECODERS: Partial<Record<record.EventName, Decoder>> = {
  'listen:opened': listener,
  'listen:closed': listener,
  'listen:queue': listener,
  'conn:opened': (value) => ({
    role: value(4) === 1 ? 'passive' : 'active',
    local: `${formatAddress(value(0))}:${value(1)}`,
    peer: `${formatAddress(value(2))}:${value(3)}`,
    isn: { local: value(5), peer: value(4) === 1 ? value(6) : null },
  }),
  'conn:state': stateData,
  'conn:closed': (value, { words }) => ({
    reason: words.word(value(0)),
    error: value(6) === 0 ? null : words.word(value(6)),
    sent: { segs: value(3), bytes: value(1), retransmitted: value(5) },
    received: { segs: value(4), bytes: value(2) },
  }),
  'seg:received': (_value, source) => segmentData(source),
  'seg:sent': (value, source) => ({
    ...segmentData(source),
    trigger: TRIGGERS[Math.floor(value(record.SEG_TRIGGER - record.AT_VALUES) / 2)] ?? 'data',
    retransmission: value(record.SEG_TRIGGER - record.AT_VALUES) % 2 === 1,
    ...copyData(value),
  }),
  'seg:judged': judgedData,
  'timer:set': (value) => ({
    timer: TIMER_NAMES[value(0)],
    afterMs: milliseconds(value(1)),
    restart: value(2) === 1,
    backoff: value(3),
    by: eventName(value(4)),
  }),
  'timer:cancel': (value) => ({ timer: TIMER_NAMES[value(0)], by: eventName(value(1)) }),
  'timer:fire': (value) => ({ timer: TIMER_NAMES[value(0)], backoff: value(1) }),
  'cc:metrics': metricsData,
  'cc:state': (value, { words }) => ({
    old: words.word(value(0)),
    new: words.word(value(1)),
    trigger: words.word(value(2)),
  }),
  'rtt:sample': (value) => ({
    ms: milliseconds(value(0)),
    accepted: value(1) > 0,
    via: RTT_SOURCES[value(1)],
  }),
  'peer:state': (value) => ({ state: STATE_NAMES[value(0)], source: 'inferred' }),
  ...VARIABLE_DECODERS,
  'rst:why': (value) => {
    const why = RESET_REASONS[value(0)];
    return {
      reason: why?.name ?? 'NOT_SPECIFIED',
      rfc: why?.rfc ?? '',
      local: `${formatAddress(value(1))}:${value(2)}`,
      peer: `${formatAddress(value(3))}:${value(4)}`,
    };
  },
  'ip:dropped': (value) => {
    const reason = REASONS[value(0)];
    return { reason: reason?.name ?? 'ACCEPTED', rfc: reason?.rfc ?? '', len: value(1) };
  },
  'ip:icmp': (value) => {
    const reason = REASONS[value(0)];
    return {
      reason: reason?.name ?? 'ACCEPTED',
      rfc: reason?.rfc ?? '',
      type: value(1),
      code: value(2),
      mtu: value(3),
      local: `${formatAddress(value(4))}:${value(5)}`,
      peer: `${formatAddress(value(6))}:${value(7)}`,
    };
  },
  'wire:fate': (_value, source) => fateData(source),
  'fault:rule': ruleData,
  'fault:hit': ruleData,
  'fault:expired': ruleData,
  'app:open': application,
  'app:accept': application,
  'app:read': application,
  'app:write': application,
  'app:shutdown': application,
  'app:close': application,
  'app:abort': application,
};

function eventName(code: number): string {
  return record.EVENTS[code]?.name ?? '';
}

/** Of a segment that was sent before: which one, and how often. */
function copyData(value: (index: number) => number): Data {
  const of = value(record.SEG_COPY_OF - record.AT_VALUES);
  return of === 0 ? {} : { retransOf: of, copyNo: value(record.SEG_COPY_NUMBER - record.AT_VALUES) };
}

function judgedData(value: (index: number) => number, { words }: RowSource): Data {
  const reason = REASONS[value(1)];
  const state = value(4);
  return {
    verdict: words.word(value(0)),
    reason: reason?.name ?? 'ACCEPTED',
    rfc: reason?.rfc ?? '',
    ...(state < 0 ? {} : { state: STATE_NAMES[state] }),
    checks: checksOf({
      state,
      checks: value(2),
      stopped: value(3) === 1,
      reason: value(1),
      flags: value(5),
      seq: value(6),
      len: value(7),
      ack: value(8),
      rcvNxt: value(9),
      rcvWnd: value(10),
      sndUna: value(11),
      sndNxt: value(12),
    }),
    acts: actNames(value(13)),
  };
}

function dataOf(name: record.EventName, source: RowSource): Data {
  const base = source.at + record.AT_VALUES;
  const decoder = DECODERS[name];
  return decoder === undefined ? {} : decoder((index) => source.rows[base + index] as number, source);
}

function stateData(value: (index: number) => number, { words }: RowSource): Data {
  const state = STATE_NAMES[value(1)];
  const data: Data = { old: STATE_NAMES[value(0)], new: state, trigger: words.word(value(2)) };
  if (state !== 'ESTABLISHED') return data;
  data['agreed'] = {
    peerMss: value(3),
    wscale: value(4) < 0 ? null : [value(4), value(5)],
    sack: (value(6) & 1) !== 0,
    timestamps: (value(6) & 2) !== 0,
    ecn: (value(6) & 4) !== 0,
  };
  return data;
}

function metricsData(value: (index: number) => number): Data {
  const data: Data = {};
  const changed = value(METRIC_NAMES.length);
  METRIC_NAMES.forEach((name, index) => {
    if ((changed & (1 << index)) === 0) return;
    const number = TIME_METRICS.has(index) ? milliseconds(value(index)) : value(index);
    // Until the first loss there is no ssthresh.
    data[name] = number < NO_SSTHRESH ? number : null;
  });
  return data;
}

/** Header of a segment: relative to the initial sequence numbers, and as it was. */
function segmentData(source: RowSource): Data {
  const { rows, at, log } = source;
  const field = (place: number): number => rows[at + place] as number;
  const received = field(record.AT_CODE) === record.EVENT['seg:received'];
  const flags = field(record.SEG_FLAGS);
  const [known, ackBase] = bases(log, received);
  // A SYN is where counting begins, whoever it is for.
  const seqBase = (flags & SYN) !== 0 ? field(record.SEG_SEQ) : known;
  const length = field(record.SEG_LENGTH);
  const seq = relative(field(record.SEG_SEQ), seqBase);
  const space = length + (flags & 1) + ((flags & SYN) >> 1);
  const acked = (flags & ACK_BIT) !== 0;
  return {
    flags: flagNames(flags),
    seq,
    end: seq + space,
    ack: acked ? relative(field(record.SEG_ACK), ackBase) : null,
    win: field(record.SEG_WND) * 2 ** field(record.SEG_SHIFT),
    len: length,
    segs: field(record.SEG_SEGMENTS),
    raw: {
      seq: field(record.SEG_SEQ),
      ack: field(record.SEG_ACK),
      win: field(record.SEG_WND),
      up: field(record.SEG_UP),
      ...ends(source, received),
    },
    opts: optionData(source, ackBase),
  };
}

/** The numbers that SEG.SEQ and SEG.ACK count from. */
function bases(log: ConnectionLog | null, received: boolean): [number, number] {
  if (log === null) return [0, 0];
  return received ? [log.irs, log.iss] : [log.iss, log.irs];
}

function ends(source: RowSource, received: boolean): Data {
  const { rows, at, log } = source;
  const local = log ?? {
    localAddress: rows[at + record.SEG_LOCAL_ADDRESS] as number,
    localPort: rows[at + record.SEG_LOCAL_PORT] as number,
    peerAddress: rows[at + record.SEG_PEER_ADDRESS] as number,
    peerPort: rows[at + record.SEG_PEER_PORT] as number,
  };
  const here = { ip: formatAddress(local.localAddress), port: local.localPort };
  const there = { ip: formatAddress(local.peerAddress), port: local.peerPort };
  const [from, to] = received ? [there, here] : [here, there];
  return { src: from.ip, sport: from.port, dst: to.ip, dport: to.port };
}

function optionData(source: RowSource, ackBase: number): Data {
  const { rows, at, log } = source;
  const options = record.unpackOptions(rows[at + record.SEG_OPTIONS] as number);
  const data: Data = {};
  if (options.mss >= 0) data['mss'] = options.mss;
  if (options.windowScale >= 0) data['wscale'] = options.windowScale;
  if (options.sackPermitted) data['sackPermitted'] = true;
  if (options.hasTimestamps) {
    data['ts'] = [rows[at + record.SEG_TS_VALUE], rows[at + record.SEG_TS_ECHO]];
  }
  if (options.sackCount > 0 && log !== null) {
    const edge = (i: number): number => relative(rows[at + record.SEG_SACK + i] as number, ackBase);
    data['sack'] = Array.from({ length: options.sackCount }, (_, i) => [edge(2 * i), edge(2 * i + 1)]);
  }
  if (options.badOptions) data['malformed'] = true;
  return data;
}
