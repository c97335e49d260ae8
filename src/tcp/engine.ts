/**
 * The whole of TCP behind one class: segments in, calls in, time in; segments, events and the next
 * deadline out. It knows no clock, no socket and no device but those it is given.
 *
 * Kinds of methods: `receive` and `icmpError` belong to phase 1, `expire` to phase 2, `notify` to
 * phase 3, `transmit` to phase 4; everything else are calls of the user, possible at any time
 * (phase 3 included), which only change blocks and ask for a turn.
 */

import { REASON } from '../base/reasons.ts';
import type { Ipv4Header } from '../wire/ipv4.ts';
import type { Packet } from '../wire/packet.ts';
import type { Segment } from '../wire/segment.ts';
import { readTcpHeader } from '../wire/tcp-header.ts';
import type { CallTape } from './call-tape.ts';
import { abort } from './calls/abort.ts';
import { close, closeListener, shutdown } from './calls/close.ts';
import { type ListenOptions, type OpenOptions, openActive, openPassively } from './calls/open.ts';
import {
  type Adjustments,
  adjust,
  adjustListener,
  type KeepAliveOptions,
  type ListenerAdjustments,
  markUrgent,
  setBuffers,
  setCork,
  setKeepAlive,
  setNoDelay,
  setQuickAck,
  setUserTimeout,
} from './calls/options.ts';
import { consume, receive, urgentRemaining } from './calls/receive.ts';
import { send, sendOwned } from './calls/send.ts';
import { TcpContext, type TcpEnvironment } from './context.ts';
import {
  type ConnectionOwner,
  EVENT_CLOSED,
  EVENT_FAILED,
  EVENT_PEER_CLOSED,
  EVENT_READABLE,
  type ListenerOwner,
} from './events.ts';
import { icmpErrorArrives, type QuotedError } from './icmp-errors.ts';
import { segmentArrives } from './input/segment-arrives.ts';
import { forget } from './lifecycle.ts';
import type { Listener } from './listener.ts';
import { transmitAll } from './output/transmit.ts';
import type { ReceivedPiece } from './receive/received-piece.ts';
import { statsOf, type TcpStats } from './stats.ts';
import type { Tcb } from './tcb.ts';
import type { TcpConfig } from './tcp-config.ts';
import { expireTimers, nextDeadline } from './timers/expire.ts';

export type { ListenOptions, OpenOptions } from './calls/open.ts';
export type { Adjustments, KeepAliveOptions, ListenerAdjustments } from './calls/options.ts';
export { ReceivedPiece } from './receive/received-piece.ts';
export type { TcpStats } from './stats.ts';

/** No connection of ours, and none that could become ours: no listener here takes it and nothing here resets it. */
function isAnothers({ flows, siblings }: TcpContext, seg: Segment): boolean {
  const { localAddress, peerAddress, localPort, peerPort } = seg;
  if (flows.find(localAddress, peerAddress, localPort, peerPort) >= 0) return false;
  return siblings !== null && !siblings.owns(localAddress, peerAddress, localPort, peerPort);
}

export class TcpEngine {
  readonly context: TcpContext;
  /** Hears every call; null when nobody records. */
  tape: CallTape | null = null;

  constructor(environment: TcpEnvironment) {
    this.context = new TcpContext(environment);
  }

  /** For connections opened from now on. */
  get config(): TcpConfig {
    return this.context.config;
  }

  set config(config: TcpConfig) {
    this.context.config = config;
  }

  // ── Phase 1 ────────────────────────────────────────────────────────────────────────────────

  /** One packet whose payload is TCP. */
  receive(packet: Packet, ip: Ipv4Header): void {
    const context = this.context;
    const seg = context.segment;
    const reason = readTcpHeader(packet, ip, seg);
    if (reason !== REASON.ACCEPTED) {
      context.counters.count(reason);
      if (context.trace !== null) context.trace.segmentJudged(null, seg, 'dropped', reason, 0);
      return;
    }
    if (context.siblings !== null && isAnothers(context, seg)) {
      context.siblings.handOver(packet);
      return;
    }
    if (seg.badOptions) context.counters.count(REASON.TCP_OPTION_LENGTH);
    context.counters.segmentsReceived += seg.segments;
    segmentArrives(context, seg);
  }

  icmpError(error: QuotedError): void {
    icmpErrorArrives(this.context, error);
  }

  // ── Phase 2 ────────────────────────────────────────────────────────────────────────────────

  expire(): void {
    expireTimers(this.context);
  }

  /** Absolute µs of the next timer, or Infinity. */
  get nextDeadline(): number {
    return nextDeadline(this.context);
  }

  // ── Phase 3 ────────────────────────────────────────────────────────────────────────────────

  /** Whether `notify` has something to tell. */
  get hasEvents(): boolean {
    const { eventQueue, listenerQueue } = this.context;
    return eventQueue.length > 0 || listenerQueue.length > 0;
  }

  /**
   * Tells owners what has happened since the last turn. What they do now is theirs to do: an error
   * that a handler throws comes out of here, and the others are told next time.
   */
  notify(): void {
    const { eventQueue, listenerQueue } = this.context;
    // Events that handlers cause belong to the next turn: nobody can keep this loop running.
    for (let left = listenerQueue.length; left > 0; left--) {
      const listener = listenerQueue.shift() as Listener;
      listener.notified = false;
      if (listener.owner !== null && listener.acceptQueue.length > 0)
        listener.owner.connectionsWaiting(listener);
    }
    for (let left = eventQueue.length; left > 0; left--) {
      const tcb = eventQueue.shift() as Tcb;
      const { events } = tcb;
      tcb.events = 0;
      tcb.eventsQueued = false;
      if (tcb.owner !== null && events !== 0) tcb.owner.connectionEvents(tcb, events);
    }
  }

  // ── Phase 4 ────────────────────────────────────────────────────────────────────────────────

  /** Whether `transmit` has something to do. */
  get hasOutput(): boolean {
    return this.context.readyFlows > 0 || this.context.replies.count > 0;
  }

  transmit(): void {
    transmitAll(this.context);
  }

  // ── Calls ──────────────────────────────────────────────────────────────────────────────────

  /** Passive OPEN. @throws TcpError EADDRINUSE, EADDRNOTAVAIL, EINVAL */
  listen(options: ListenOptions, owner: ListenerOwner): Listener {
    if (this.tape !== null) this.tape.call('listen', 0, options);
    return openPassively(this.context, options, owner);
  }

  /** Stops listening; connections that wait for `accept` are reset. */
  closeListener(listener: Listener): void {
    if (this.tape !== null) this.tape.call('closeListener', listener.id, null);
    closeListener(this.context, listener);
    this.context.requestTurn();
  }

  /** The oldest connection that waits, or null. What has happened to it already comes as events. */
  accept(listener: Listener, owner: ConnectionOwner): Tcb | null {
    const tcb = listener.acceptQueue.shift();
    if (tcb === undefined) return null;
    if (this.tape !== null) this.tape.call('accept', listener.id, null);
    tcb.owner = owner;
    tcb.listener = null;
    if (tcb.trace !== null) {
      tcb.trace.appCalled(tcb, 'accept', 0);
      tcb.trace.listenerQueues(listener);
    }
    let events = 0;
    if (tcb.readable > 0) events |= EVENT_READABLE;
    if (tcb.peerClosed) events |= EVENT_PEER_CLOSED;
    if (tcb.error !== null) events |= EVENT_FAILED;
    if (tcb.state === 'CLOSED') events |= EVENT_CLOSED;
    if (events !== 0) {
      this.context.queueEvent(tcb, events);
      this.context.requestTurn();
    }
    return tcb;
  }

  /** Active OPEN. @throws TcpError EINVAL, ENETUNREACH, EADDRNOTAVAIL, ENOBUFS */
  connect(options: OpenOptions, owner: ConnectionOwner): Tcb {
    if (this.tape !== null) this.tape.call('connect', 0, options);
    const tcb = openActive(this.context, options, owner);
    if (tcb.trace !== null) tcb.trace.appCalled(tcb, 'open', 0);
    this.context.requestTurn();
    return tcb;
  }

  /** Whether data for `peerAddress` may travel in the SYN of a `connect` with `fastOpen`. RFC 7413 §4.2.1. */
  hasFastOpenCookie(peerAddress: number): boolean {
    return this.context.fastOpen.serverWithCookie(peerAddress) !== null;
  }

  /** SEND: bytes taken (copied), 0 = full and EVENT_WRITABLE follows. @throws TcpError EPIPE, ENOTCONN */
  send(tcb: Tcb, bytes: Uint8Array, start: number, end: number): number {
    if (this.tape !== null) this.tape.call('send', tcb.id, bytes.subarray(start, end));
    const taken = send(tcb, bytes, start, end);
    if (taken > 0) this.context.requestTurn();
    return taken;
  }

  /**
   * SEND without a copy: `bytes[start … end)` must not change until the peer has acknowledged it. Nobody
   * tells when that is: it is meant for memory that never changes, or is not used again. Returns how much
   * was taken: all (1 GiB at most), or 0 = full, and EVENT_WRITABLE follows. A packet that would hold bytes of
   * two pieces is copied together, so that large pieces are worth more. @throws TcpError EPIPE, ENOTCONN
   */
  sendOwned(tcb: Tcb, bytes: Uint8Array, start: number, end: number): number {
    if (this.tape !== null) this.tape.call('sendOwned', tcb.id, bytes.subarray(start, end));
    const taken = sendOwned(tcb, bytes, start, end);
    if (taken > 0) this.context.requestTurn();
    return taken;
  }

  /** RECEIVE: copies to `into[start … end)`; returns how many bytes, 0 = nothing there. */
  receiveInto(tcb: Tcb, into: Uint8Array, start: number, end: number): number {
    if (this.tape !== null) this.tape.call('receive', tcb.id, end - start);
    const count = receive(tcb, into, start, end);
    if (tcb.acking.windowUpdateOwed) this.context.requestTurn();
    return count;
  }

  /**
   * RECEIVE without a copy: points `piece` at unread bytes from the front on, as many as lie in one piece,
   * and takes none; false when there are none. They are good until the connection's next call, and no
   * longer than the handler that was called with EVENT_READABLE runs. {@link discard} takes them.
   */
  borrow(tcb: Tcb, piece: ReceivedPiece): boolean {
    return tcb.receiveBuffer.front(piece);
  }

  /** Takes `count` bytes that the user has peeked at, or borrowed. */
  discard(tcb: Tcb, count: number): void {
    if (this.tape !== null) this.tape.call('receive', tcb.id, count);
    consume(tcb, Math.min(count, tcb.readable));
    if (tcb.acking.windowUpdateOwed) this.context.requestTurn();
  }

  /** Copies without taking, from `offset` bytes behind the front. */
  peek(tcb: Tcb, into: Uint8Array, start: number, end: number, offset: number): number {
    return tcb.receiveBuffer.peek(into, start, end, offset);
  }

  urgentRemaining(tcb: Tcb): number {
    return urgentRemaining(tcb);
  }

  /** CLOSE of the sending side: FIN after all that is queued. Idempotent. */
  shutdown(tcb: Tcb): void {
    if (this.tape !== null) this.tape.call('shutdown', tcb.id, null);
    shutdown(tcb);
    this.context.requestTurn();
  }

  /** CLOSE by a user who will not read any more; unread bytes make it a reset. */
  close(tcb: Tcb): void {
    if (this.tape !== null) this.tape.call('close', tcb.id, null);
    close(tcb);
    this.context.requestTurn();
  }

  /** ABORT: a reset, and nothing is kept. */
  abort(tcb: Tcb): void {
    if (this.tape !== null) this.tape.call('abort', tcb.id, null);
    abort(tcb);
    this.context.requestTurn();
  }

  setNoDelay(tcb: Tcb, on: boolean): void {
    this.option(tcb, 'noDelay', on);
    setNoDelay(tcb, on);
    this.context.requestTurn();
  }

  setCork(tcb: Tcb, on: boolean): void {
    this.option(tcb, 'cork', on);
    setCork(tcb, on);
    this.context.requestTurn();
  }

  setKeepAlive(tcb: Tcb, options: KeepAliveOptions): void {
    this.option(tcb, 'keepAlive', options);
    setKeepAlive(tcb, options);
    this.context.requestTurn();
  }

  /** µs; 0 = by the number of retries. */
  setUserTimeout(tcb: Tcb, timeout: number): void {
    this.option(tcb, 'userTimeout', timeout);
    setUserTimeout(tcb, timeout);
    this.context.requestTurn();
  }

  /** Bytes; 0 = as it was. */
  setBuffers(tcb: Tcb, receiveBytes: number, sendBytes: number): void {
    this.option(tcb, 'buffers', [receiveBytes, sendBytes]);
    setBuffers(tcb, receiveBytes, sendBytes);
    this.context.requestTurn();
  }

  /** SHUT_RD: what comes after our FIN is answered by a reset, as after CLOSE (SHLD-3). */
  shutRead(tcb: Tcb): void {
    this.option(tcb, 'shutRead', true);
    tcb.readShut = true;
  }

  setTos(tcb: Tcb, tos: number): void {
    this.option(tcb, 'tos', tos);
    tcb.user.tos = tos & 0xff;
  }

  setTtl(tcb: Tcb, ttl: number): void {
    this.option(tcb, 'ttl', ttl);
    tcb.user.ttl = ttl;
  }

  setQuickAck(tcb: Tcb): void {
    this.option(tcb, 'quickAck', true);
    setQuickAck(tcb);
    this.context.requestTurn();
  }

  adjust(tcb: Tcb, changes: Adjustments): void {
    this.option(tcb, 'adjust', changes);
    adjust(tcb, changes);
  }

  adjustListener(listener: Listener, changes: ListenerAdjustments): void {
    if (this.tape !== null) this.tape.call('adjustListener', listener.id, changes);
    adjustListener(listener, changes);
  }

  /** Everything queued so far is urgent. */
  sendUrgent(tcb: Tcb): void {
    this.option(tcb, 'urgent', true);
    markUrgent(tcb);
    this.context.requestTurn();
  }

  private option(tcb: Tcb, name: string, value: unknown): void {
    if (this.tape !== null) this.tape.call('option', tcb.id, [name, value]);
  }

  /** Stops all listeners and resets all connections; compact records are forgotten. */
  closeEverything(): void {
    const context = this.context;
    for (const listener of [...context.listeners.list]) closeListener(context, listener);
    for (const tcb of context.blocks) {
      if (tcb === null) continue;
      // Every peer is told, however many they are.
      if (context.replies.full) transmitAll(context);
      abort(tcb);
    }
    const flows = context.flows;
    for (let flow = 0; flow < flows.limit; flow++) {
      if (flows.isUsed(flow)) forget(context, context.blockOf(flow));
    }
  }

  // ── Looking ────────────────────────────────────────────────────────────────────────────────

  /** The connection with this id, or null; compact records have no block of their own. */
  connection(id: number): Tcb | null {
    return this.context.blocks.find((tcb) => tcb?.id === id) ?? null;
  }

  /** The connection of a four-tuple, perhaps as the scratch block of a compact record; null when there is none. */
  connectionBetween(
    localAddress: number,
    localPort: number,
    peerAddress: number,
    peerPort: number,
  ): Tcb | null {
    const flow = this.context.flows.find(localAddress, peerAddress, localPort, peerPort);
    return flow < 0 ? null : this.context.blockOf(flow);
  }

  /** Every connection, compact records too: those come in one scratch block, so copy at once. */
  forEachConnection(visit: (tcb: Tcb) => void): void {
    const { flows, resting } = this.context;
    for (let flow = 0; flow < flows.limit; flow++) {
      if (flows.isUsed(flow)) resting.show(this.context.blockOf(flow), visit);
    }
  }

  forEachListener(visit: (listener: Listener) => void): void {
    this.context.listeners.list.forEach(visit);
  }

  get stats(): TcpStats {
    return statsOf(this.context);
  }
}
