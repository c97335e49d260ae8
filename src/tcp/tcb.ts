/** The transmission control block: every variable of one connection, data only. RFC 9293 §3.3.1. */

import type { Clock } from '../base/clock.ts';
import { seqDiff } from '../base/seq.ts';
import type { CongestionControl } from './congestion/congestion-control.ts';
import type { TcpContext } from './context.ts';
import type { Ecn } from './ecn.ts';
import type { CloseReason, ConnectionOwner, ErrorCode } from './events.ts';
import type { Handshake } from './handshake.ts';
import type { Limits } from './limits.ts';
import type { Listener } from './listener.ts';
import type { Parts } from './parts.ts';
import type { PathSearch } from './path-search.ts';
import type { Rcv } from './rcv.ts';
import type { Acking } from './receive/acking.ts';
import type { ReceiveBuffer } from './receive/receive-buffer.ts';
import type { Recovery } from './recovery/recovery.ts';
import type { InFlight } from './send/in-flight.ts';
import type { SendBuffer } from './send/send-buffer.ts';
import type { Snd } from './snd.ts';
import { appendState, decodePath, type State, stateCode } from './state.ts';
import type { Tally } from './tally.ts';
import type { TcpConfig } from './tcp-config.ts';
import { PROBE_NONE, type Retry } from './timers/retry.ts';
import type { Rtt } from './timers/rtt.ts';
import { TIMER_SYN_ACK, TIMER_TIME_WAIT } from './timers/timer-table.ts';
import type { Timestamps } from './timestamps.ts';
import type { TcpTrace } from './trace.ts';
import { type Machine, restoreState } from './transitions.ts';
import type { UserOptions } from './user-options.ts';

/** Where the block lives: a connection of its own, or an expanded compact record. */
export const KIND_CONNECTION = 0;
export const KIND_TIME_WAIT = 1;
export const KIND_SYN_RECEIVED = 2;

export type ClosedFirst = 'us' | 'peer' | 'both' | null;

/**
 * Who a connection is, and where it stands; all else is in its parts. A connection at rest has none
 * (compact/resting.ts): who asks for one wakes it, and finds it as it was.
 */
export class Tcb implements Machine {
  readonly context: TcpContext;
  readonly clock: Clock;
  readonly trace: TcpTrace | null;
  config: TcpConfig;
  parts: Parts | null;
  /** While it is awake its place among those that are, at rest its record; -1 in no table. */
  place = -1;

  state: State = 'CLOSED';
  /** Counts up in the engine; people see `c3`. */
  id = 0;
  /** Which connection of this 4-tuple it is. */
  incarnation = 1;
  /** Entry in the flow table, -1 when in none. */
  flow = -1;
  /** Row in the timer table, -1 when none: see {@link row}. */
  timerRow = -1;
  kind = KIND_CONNECTION;

  localAddress = 0;
  peerAddress = 0;
  localPort = 0;
  peerPort = 0;
  /** SO_REUSEADDR. */
  reuseAddress = false;

  /** Largest IP packet for this path, bytes. */
  pathMtu = 1500;
  /** While that is lower than it might be: the search for more. */
  pathSearch: PathSearch | null = null;

  // Closing.
  /** The user has no more to send: FIN follows the last byte queued. */
  finQueued = false;
  /** SND.NXT has passed our FIN. */
  finSent = false;
  /** Nobody reads any more: data is answered by a reset. */
  readerGone = false;
  /** The user reads no more, and keeps the connection: data that comes after our FIN is answered by a reset. */
  readShut = false;
  /** The peer's FIN was reached in order. */
  peerClosed = false;
  closedFirst: ClosedFirst = null;
  closeReason: CloseReason | null = null;
  error: ErrorCode | null = null;
  softError: ErrorCode | null = null;

  owner: ConnectionOwner | null = null;
  listener: Listener | null = null;
  passive = false;
  /** The connection is counted among the orphans. */
  orphan = false;
  /** EVENT_* bits waiting for phase 3. */
  events = 0;
  eventsQueued = false;
  /** In the list for phase 4. */
  ready = false;
  /** The TIME-WAIT record has taken over the protocol; this block only holds unread bytes. */
  detached = false;
  /** The states so far, four bits each, oldest in the highest; see state.ts. */
  pathCode = 0;

  constructor(context: TcpContext, config: TcpConfig, parts: Parts) {
    this.context = context;
    this.clock = context.clock;
    this.trace = context.trace;
    this.config = config;
    this.parts = parts;
  }

  /** Row in the timer table, -1 when the connection is in no table. */
  get row(): number {
    if (this.parts === null) this.wake();
    return this.timerRow;
  }

  private wake(): Parts {
    return this.context.resting.wake(this);
  }

  get snd(): Snd {
    return (this.parts ?? this.wake()).snd;
  }

  get rcv(): Rcv {
    return (this.parts ?? this.wake()).rcv;
  }

  get rtt(): Rtt {
    return (this.parts ?? this.wake()).rtt;
  }

  get congestion(): CongestionControl {
    return (this.parts ?? this.wake()).congestion;
  }

  get recovery(): Recovery {
    return (this.parts ?? this.wake()).recovery;
  }

  get ecn(): Ecn {
    return (this.parts ?? this.wake()).ecn;
  }

  get sendBuffer(): SendBuffer {
    return (this.parts ?? this.wake()).sendBuffer;
  }

  get inFlight(): InFlight {
    return (this.parts ?? this.wake()).inFlight;
  }

  get receiveBuffer(): ReceiveBuffer {
    return (this.parts ?? this.wake()).receiveBuffer;
  }

  get acking(): Acking {
    return (this.parts ?? this.wake()).acking;
  }

  get handshake(): Handshake {
    return (this.parts ?? this.wake()).handshake;
  }

  get timestamps(): Timestamps {
    return (this.parts ?? this.wake()).timestamps;
  }

  get retry(): Retry {
    return (this.parts ?? this.wake()).retry;
  }

  get user(): UserOptions {
    return (this.parts ?? this.wake()).user;
  }

  get limits(): Limits {
    return (this.parts ?? this.wake()).limits;
  }

  get tally(): Tally {
    return (this.parts ?? this.wake()).tally;
  }

  stateChanged(from: State, on: string): void {
    this.pathCode = appendState(this.pathCode, stateCode(this.state));
    if (this.trace !== null) this.trace.stateChanged(this, from, on);
  }

  /** The states so far, oldest first; at most the last eight. */
  get path(): State[] {
    return decodePath(this.pathCode);
  }

  /** In-order bytes that the user has not read. */
  get readable(): number {
    return this.receiveBuffer.length;
  }

  /** Bytes that the send buffer still takes. */
  get writable(): number {
    return Math.max(0, this.limits.send - this.sendBuffer.length);
  }

  /** Bytes queued and not yet sent for the first time. */
  get unsent(): number {
    return this.sendBuffer.length - this.sentBytes;
  }

  /** Bytes of data (SYN and FIN not counted) sent and not yet acknowledged. */
  get sentBytes(): number {
    return Math.max(0, Math.min(this.sendBuffer.length, seqDiff(this.snd.nxt, this.sendBuffer.start)));
  }

  /** Sequence space in flight, bytes: SND.NXT - SND.UNA. */
  get unacked(): number {
    return seqDiff(this.snd.nxt, this.snd.una);
  }

  /** Clears what a record does not keep, before one is expanded into this block. */
  resetForRecord(): void {
    this.timerRow = -1;
    this.acking.acksOwed = 0;
    this.acking.ackNow = false;
    this.acking.ackWasDelayed = false;
    this.handshake.synOwed = false;
    this.handshake.synRepeated = false;
    this.handshake.cookieOwed = false;
    this.acking.challenge = false;
    this.acking.windowUpdateOwed = false;
    this.acking.dsackPending = false;
    this.events = 0;
    this.error = null;
    this.closeReason = null;
    this.closedFirst = null;
    this.listener = null;
    this.owner = null;
    this.passive = false;
    this.pathCode = 0;
    this.incarnation = 1;
    this.handshake.wscaleAgreed = false;
    this.ecn.reset();
    this.rcv.finSeen = false;
    this.finQueued = false;
    this.finSent = false;
    this.readerGone = false;
    this.peerClosed = false;
    this.acking.segmentsSinceAck = 0;
    this.acking.unackedReceived = 0;
    this.retry.probe = PROBE_NONE;
    this.snd.maxWnd = 0;
    this.snd.wnd = 0;
    this.tally.segmentsReceived = 0;
    this.tally.segmentsSent = 0;
  }

  /** The state that a record's kind stands for. */
  setRecordState(): void {
    const timeWait = this.kind === KIND_TIME_WAIT;
    restoreState(this, timeWait ? 'TIME-WAIT' : 'SYN-RECEIVED');
    if (timeWait) {
      this.peerClosed = true;
      this.finQueued = true;
      this.finSent = true;
      this.readerGone = true;
    } else {
      this.user.ttl = this.config.ttl;
      this.user.tos = this.config.tos;
      this.pathCode = appendState(appendState(0, stateCode('LISTEN')), stateCode('SYN-RECEIVED'));
    }
  }

  /** Absolute µs at which `timer` (a TIMER_* code) expires, or Infinity. */
  deadline(timer: number): number {
    if (this.kind !== KIND_CONNECTION) {
      const own = this.kind === KIND_TIME_WAIT ? TIMER_TIME_WAIT : TIMER_SYN_ACK;
      return timer === own ? this.retry.recordDeadline : Infinity;
    }
    if (timer >= TIMER_SYN_ACK || this.row < 0) return Infinity;
    return this.context.timers.deadline(this.row, timer);
  }
}
