/** The transmission control block: every variable of one connection, data only. RFC 9293 §3.3.1. */

import type { Clock } from '../base/clock.ts';
import { SEQ_ZERO, type Seq, seqDiff } from '../base/seq.ts';
import type { CongestionControl } from './congestion/congestion-control.ts';
import type { TcpContext } from './context.ts';
import { Ecn } from './ecn.ts';
import type { CloseReason, ConnectionOwner, ErrorCode } from './events.ts';
import type { Listener } from './listener.ts';
import type { PathSearch } from './path-search.ts';
import { Rcv } from './rcv.ts';
import { ReceiveBuffer } from './receive/receive-buffer.ts';
import { Recovery } from './recovery/recovery.ts';
import { InFlight } from './send/in-flight.ts';
import { SendBuffer } from './send/send-buffer.ts';
import { Snd } from './snd.ts';
import { appendState, decodePath, type State, stateCode } from './state.ts';
import type { TcpConfig } from './tcp-config.ts';
import { Rtt } from './timers/rtt.ts';
import { TIMER_SYN_ACK, TIMER_TIME_WAIT } from './timers/timer-table.ts';
import type { TcpTrace } from './trace.ts';
import { type Machine, restoreState } from './transitions.ts';

/** Where the block lives: a connection of its own, or an expanded compact record. */
export const KIND_CONNECTION = 0;
export const KIND_TIME_WAIT = 1;
export const KIND_SYN_RECEIVED = 2;

/** What phase 4 is asked to probe with. */
export const PROBE_NONE = 0;
export const PROBE_PERSIST = 1;
export const PROBE_KEEPALIVE = 2;
/** Send what the silly-window rules held back (RFC 9293 §3.8.6.2.1, the override timer). */
export const PROBE_OVERRIDE = 3;

export type ClosedFirst = 'us' | 'peer' | 'both' | null;

export class Tcb implements Machine {
  readonly context: TcpContext;
  readonly clock: Clock;
  readonly trace: TcpTrace | null;
  config: TcpConfig;

  state: State = 'CLOSED';
  /** Counts up in the engine; people see `c3`. */
  id = 0;
  /** Which connection of this 4-tuple it is. */
  incarnation = 1;
  /** Entry in the flow table, -1 when in none. */
  flow = -1;
  /** Row in the timer table, -1 when none. */
  row = -1;
  kind = KIND_CONNECTION;
  /** Deadline of a compact record's only timer while it is expanded, µs. */
  compactDeadline = Infinity;
  /** Retries or restarts that the compact record counts. */
  compactCount = 0;

  localAddress = 0;
  peerAddress = 0;
  localPort = 0;
  peerPort = 0;

  readonly snd = new Snd();
  readonly rcv = new Rcv();
  readonly rtt: Rtt;
  congestion: CongestionControl;
  readonly recovery = new Recovery();
  readonly ecn = new Ecn();
  readonly sendBuffer: SendBuffer;
  readonly inFlight: InFlight;
  readonly receiveBuffer: ReceiveBuffer;

  // Agreed by the SYNs.
  wscaleAgreed = false;
  sackAgreed = false;
  timestampsAgreed = false;
  /** MSS option of the peer, bytes; 536 when it sent none. */
  peerMss = 536;
  /** Largest IP packet for this path, bytes. */
  pathMtu = 1500;
  /** While that is lower than it might be: the search for more. */
  pathSearch: PathSearch | null = null;

  // Timestamps, RFC 7323 §4, §5.
  /** TS.Recent. */
  tsRecent = 0;
  /** When TS.Recent was taken, µs. */
  tsRecentAt = 0.5;
  /** Added to our millisecond clock: keyed per address pair. */
  tsOffset = 0;

  // Closing.
  /** The user has no more to send: FIN follows the last byte queued. */
  finQueued = false;
  /** SND.NXT has passed our FIN. */
  finSent = false;
  /** CLOSE came before the connection was synchronized and waits for it. */
  closePending = false;
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

  // Acknowledging: one ACK per turn for in-order data, one each for the others.
  /** Pure ACKs that out-of-order and duplicate segments have earned, one each. */
  acksOwed = 0;
  /** An ACK is due now; a segment with data carries it as well. */
  ackNow = false;
  /** The delayed-ACK timer is what made `ackNow`. */
  ackWasDelayed = false;
  /** A compact SYN-RECEIVED record owes its SYN,ACK. */
  synOwed = false;
  /** Its SYN,ACK was sent again because the SYN came again. */
  synRepeated = false;
  /** Its SYN,ACK carries a Fast Open cookie, RFC 7413. */
  cookieOwed = false;
  /** A fast open whose handshake is not complete: the listener that counts it. */
  fastOpenListener: Listener | null = null;
  /** An active open that may put data into its SYN. */
  fastOpenAsked = false;
  /** The next ACK is a challenge (for the trace). */
  challenge = false;
  /** Bytes received in order since the last ACK was sent. */
  unackedReceived = 0;
  /** Full-sized or any data segments since the last ACK, by policy. */
  segmentsSinceAck = 0;
  /** Quick-start: immediate ACKs that are left. */
  quickAcks = 0;
  /** Largest payload seen in a segment: the peer's segment size, bytes. */
  peerSegment = 0;
  /** DSACK range to report once, when `dsackPending`. */
  dsackStart: Seq = SEQ_ZERO;
  dsackEnd: Seq = SEQ_ZERO;
  dsackPending = false;
  /** A window update is due although nothing else is to be sent. */
  windowUpdateOwed = false;

  // Challenge ACKs, RFC 5961 §7.
  challengeSecond = 0;
  challengeCount = 0;

  // Retransmission, RFC 6298, RFC 9293 §3.8.3.
  /** Time-outs in a row without an answer: what R1 and R2 count. */
  retries = 0;
  /** Doublings of the RTO; progress alone does not undo them, a new sample does (RFC 6298 §5). */
  backoff = 0;
  /** Probes sent in a row without an answer (persist, keep-alive). */
  probes = 0;
  /** Doublings of the interval between window probes; answers do not undo them, an open window does. */
  persistBackoff = 0;
  probe = PROBE_NONE;
  r1Told = false;
  /** The SYN was sent more than once: RFC 6298 §5.7, RFC 6928 §2. */
  synRetransmitted = 0;
  /** Last time something was received, and sent with data, µs. */
  lastReceivedAt = 0.5;
  lastSentAt = 0.5;

  /** Paced: nothing leaves before this, µs. */
  paceAt = 0.5;
  /** When at least half of cwnd was last in use, µs. */
  validatedAt = 0.5;

  // Options of the user.
  noDelay = false;
  cork = false;
  keepAlive = false;
  keepAliveIdle = 0.5;
  keepAliveInterval = 0.5;
  keepAliveCount = 0;
  userTimeout = 0.5;
  ttl = 64;
  tos = 0;
  reuseAddress = false;

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
  /** SND.NXT when the present round trip began (point): windowEnd of RFC 9406. */
  roundEnd: Seq = SEQ_ZERO;
  /** End of the last segment sent that was not full (point): Nagle's rule as Minshall amended it. */
  smallSentEnd: Seq = SEQ_ZERO;
  /** The send buffer was full when the user last wrote: EVENT_WRITABLE is owed. */
  writeBlocked = false;
  /** The TIME-WAIT record has taken over the protocol; this block only holds unread bytes. */
  detached = false;

  // Receive buffer tuning.
  receiveLimit = 0;
  sendLimit = 0;
  tuningCopied = 0;
  tuningStartedAt = 0.5;
  /** The user has fixed the buffers' sizes. */
  receiveLimitFixed = false;
  sendLimitFixed = false;

  openedAt = 0.5;
  /** The states so far, four bits each, oldest in the highest; see state.ts. */
  pathCode = 0;

  bytesSent = 0;
  bytesReceived = 0;
  bytesAcked = 0;
  bytesRetransmitted = 0;
  segmentsSent = 0;
  segmentsReceived = 0;
  dataSegmentsSent = 0;
  dataSegmentsReceived = 0;
  retransmissions = 0;
  lastDataReceivedAt = 0.5;
  lastAckReceivedAt = 0.5;
  /** TCP_INFO's busy and receive-window-limited time, µs. */
  busySince = 0;
  busyTime = 0;
  windowLimitedSince = 0;
  windowLimitedTime = 0;

  constructor(context: TcpContext, config: TcpConfig, congestion: CongestionControl) {
    this.context = context;
    this.clock = context.clock;
    this.trace = context.trace;
    this.config = config;
    this.rtt = new Rtt();
    this.congestion = congestion;
    this.sendBuffer = new SendBuffer(context);
    this.inFlight = new InFlight(context);
    this.receiveBuffer = new ReceiveBuffer(context);
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
    return Math.max(0, this.sendLimit - this.sendBuffer.length);
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
    this.row = -1;
    this.acksOwed = 0;
    this.ackNow = false;
    this.ackWasDelayed = false;
    this.synOwed = false;
    this.synRepeated = false;
    this.cookieOwed = false;
    this.challenge = false;
    this.windowUpdateOwed = false;
    this.dsackPending = false;
    this.events = 0;
    this.error = null;
    this.closeReason = null;
    this.closedFirst = null;
    this.listener = null;
    this.owner = null;
    this.passive = false;
    this.pathCode = 0;
    this.incarnation = 1;
    this.wscaleAgreed = false;
    this.ecn.reset();
    this.rcv.finSeen = false;
    this.finQueued = false;
    this.finSent = false;
    this.readerGone = false;
    this.peerClosed = false;
    this.segmentsSinceAck = 0;
    this.unackedReceived = 0;
    this.probe = PROBE_NONE;
    this.snd.maxWnd = 0;
    this.snd.wnd = 0;
    this.segmentsReceived = 0;
    this.segmentsSent = 0;
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
      this.ttl = this.config.ttl;
      this.tos = this.config.tos;
      this.pathCode = appendState(appendState(0, stateCode('LISTEN')), stateCode('SYN-RECEIVED'));
    }
  }

  /** Absolute µs at which `timer` (a TIMER_* code) expires, or Infinity. */
  deadline(timer: number): number {
    if (this.kind !== KIND_CONNECTION) {
      const own = this.kind === KIND_TIME_WAIT ? TIMER_TIME_WAIT : TIMER_SYN_ACK;
      return timer === own ? this.compactDeadline : Infinity;
    }
    if (timer >= TIMER_SYN_ACK || this.row < 0) return Infinity;
    return this.context.timers.deadline(this.row, timer);
  }
}
