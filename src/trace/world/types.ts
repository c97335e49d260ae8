/**
 * The world as the event log tells it: `world = f(events)`. Plain data, made by reduce.ts, read by
 * every view. Sequence numbers are relative to the initial ones: a SYN is 0, the first byte is 1.
 */

import type { Reason } from '../../base/reasons.ts';
import type { State } from '../../tcp/state.ts';
import type { TimerName } from '../../tcp/timers/timer-table.ts';
import type { EventName } from '../record.ts';

/** A state that a connection was in. */
export interface PathStep {
  readonly state: State;
  /** Since when, seconds; the event that led there, and its trigger in the words of Figure 5. */
  readonly t: number;
  readonly n: number;
  readonly trigger: string;
}

/** A timer that is armed. */
export interface TimerView {
  readonly timer: TimerName;
  /** When it was armed last, seconds, and when it is due. */
  readonly setAt: number;
  readonly dueAt: number;
  /** Back-offs or probes in a row when it was armed. */
  readonly backoff: number;
  /** How often it was moved while it was armed. */
  readonly restarts: number;
  /** The event that armed it, and the event that made that happen (0 = unknown). */
  readonly n: number;
  readonly cause: number;
}

/** A segment of ours that is not acknowledged yet. */
export interface FlightView {
  readonly seg: number;
  readonly n: number;
  readonly t: number;
  readonly seq: number;
  readonly end: number;
  /** Sendings of it so far, 1 = once. */
  readonly copies: number;
  /** What the path did with the last sending, as far as a rule of ours did it. */
  readonly fate: string | null;
}

/** One point of a series. */
export interface Sample {
  readonly t: number;
  readonly value: number;
}

/** A rule that touched a segment of the connection. */
export interface FaultHit {
  readonly n: number;
  readonly t: number;
  readonly seg: number;
  readonly dir: 'in' | 'out';
  readonly fate: string;
  readonly by: string;
  readonly rule: string;
}

/** The other end. */
export interface PeerView {
  readonly state: State;
  /** `observed`: its kernel said so. `inferred`: from what has come from it. */
  readonly source: 'observed' | 'inferred';
  readonly t: number;
  readonly n: number;
  /** Observed only. */
  readonly recvQ: number | null;
  readonly sendQ: number | null;
  readonly timer: string | null;
}

/** What the SYNs agreed on. */
export interface AgreedView {
  readonly peerMss: number;
  readonly wscale: readonly [number, number] | null;
  readonly sack: boolean;
  readonly timestamps: boolean;
  readonly ecn: boolean;
}

export interface SegmentCount {
  segs: number;
  bytes: number;
  retransmitted: number;
}

/** One connection. Null: the log has not said it (yet). */
export interface ConnectionView {
  readonly conn: string;
  readonly inc: number;
  role: 'active' | 'passive' | null;
  local: string;
  peer: string;
  isn: { readonly local: number; readonly peer: number | null } | null;
  openedAt: number;
  openedBy: number;

  state: State;
  /** Oldest first; the last one is `state`. */
  path: readonly PathStep[];
  agreed: AgreedView | null;
  closed: {
    readonly t: number;
    readonly n: number;
    readonly reason: string;
    readonly error: string | null;
  } | null;
  closedFirst: 'us' | 'peer' | 'both' | null;

  /** Those that are armed. */
  timers: readonly TimerView[];
  snd: {
    readonly una: number;
    readonly nxt: number;
    readonly max: number;
    readonly wnd: number;
    readonly mss: number;
  } | null;
  rcv: { readonly nxt: number; readonly wnd: number; readonly wl1: number; readonly wl2: number } | null;
  cc: {
    readonly state: string;
    readonly cwnd: number | null;
    /** Null: none yet (infinite). */
    readonly ssthresh: number | null;
    readonly flight: number;
    readonly pipe: number;
  };
  rtt: { readonly srttMs: number | null; readonly rttvarMs: number | null; readonly rtoMs: number | null };
  /** The newest {@link SERIES} values. */
  series: {
    readonly cwnd: readonly Sample[];
    readonly ssthresh: readonly Sample[];
    readonly rttMs: readonly Sample[];
  };
  buffers: {
    /** Bytes of ours that wait or are in flight, those of them not sent yet, and the limit. */
    readonly snd: { readonly used: number; readonly unsent: number; readonly limit: number };
    /** Bytes in order that the application has not read, and the limit. */
    readonly rcv: { readonly used: number; readonly limit: number };
    /** Received beyond a gap. */
    readonly ooo: readonly (readonly [number, number])[];
  };
  /** What the peer has beyond SND.UNA, and what we believe lost. */
  sack: {
    readonly sacked: readonly (readonly [number, number])[];
    readonly lost: readonly (readonly [number, number])[];
  };
  peerState: PeerView | null;
  /** Oldest first, the newest {@link FLIGHT}. */
  inFlight: readonly FlightView[];
  /** The newest {@link HITS}. */
  faults: readonly FaultHit[];
  /** FIN of either side: its number, and the time at which it was acknowledged or taken. */
  sent: SegmentCount;
  received: SegmentCount;
  /** Last segment either way, seconds. */
  lastSentAt: number | null;
  lastReceivedAt: number | null;
  /** Bytes that the application has written and read. */
  written: number;
  read: number;
  /** The last event about it. */
  n: number;
}

export interface ListenerView {
  readonly id: number;
  readonly address: string;
  readonly port: number;
  readonly backlog: number;
  readonly synQueue: number;
  readonly acceptQueue: number;
}

export interface RuleView {
  readonly number: number;
  readonly rule: string;
  readonly hits: number;
  /** Null: no end. */
  readonly left: number | null;
  readonly expired: string | null;
}

export interface World {
  /** The newest event in it, and when that was, seconds; 0 = none. */
  n: number;
  t: number;
  events: number;
  /** By their name, `c3`: those that live, and the newest {@link CLOSED} of those that do not. */
  readonly connections: Map<string, ConnectionView>;
  /** Names of the closed ones in `connections`, oldest first. */
  closed: readonly string[];
  readonly listeners: Map<number, ListenerView>;
  readonly rules: Map<number, RuleView>;
  /** How often each reason was given, by its code. */
  readonly reasons: Map<Reason, number>;
  /** How often each event happened. */
  readonly counts: Map<EventName, number>;
}

/** Values kept of each series, of segments in flight, of hits, of closed connections. */
export const SERIES = 128;
export const FLIGHT = 128;
export const HITS = 32;
export const CLOSED = 512;
