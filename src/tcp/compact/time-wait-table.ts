/**
 * TIME-WAIT as compact records in typed arrays: a million of them cost no more than the bytes below.
 * A segment that arrives for one expands it into the scratch block, runs the same checks as any
 * other state, and packs it again. RFC 9293 §3.3.2, §3.6.1.
 *
 * Records with the same duration form one queue in the order of their deadlines: entering, leaving
 * and restarting are O(1).
 */

import { NEVER } from '../../base/clock.ts';
import { toSeq } from '../../base/seq.ts';
import { type ClosedFirst, KIND_TIME_WAIT, type Tcb } from '../tcb.ts';
import type { TcpConfig } from '../tcp-config.ts';

const FIRST_CAPACITY = 16;
const NONE = -1;
/** Durations at the same time: their numbers fit into a byte. */
const MAX_QUEUES = 256;

// The bits of `flags`.
const SHIFT_MASK = 0xf;
const TIMESTAMPS = 0x10;
const SACK = 0x20;
const REUSE = 0x40;
const READY = 0x80;
const ACKS_SHIFT = 8;
const ACKS_MASK = 0x7;
const FIRST_SHIFT = 11;
const FIRST_MASK = 0x3;
const RESTARTS_SHIFT = 13;
const RESTARTS_MAX = 0xff;
const INCARNATION_SHIFT = 21;
const INCARNATION_MAX = 0xff;

const CLOSED_FIRST: readonly ClosedFirst[] = [null, 'us', 'peer', 'both'];

interface Queue {
  readonly config: TcpConfig;
  head: number;
  tail: number;
}

export class TimeWaitTable {
  private deadline = new Float64Array(FIRST_CAPACITY);
  private iss = new Int32Array(FIRST_CAPACITY);
  private irs = new Int32Array(FIRST_CAPACITY);
  private sndNxt = new Int32Array(FIRST_CAPACITY);
  private rcvNxt = new Int32Array(FIRST_CAPACITY);
  /** As the last segment's window field said it: not scaled. */
  private rcvWnd = new Uint16Array(FIRST_CAPACITY);
  private tsRecent = new Int32Array(FIRST_CAPACITY);
  private id = new Int32Array(FIRST_CAPACITY);
  private path = new Int32Array(FIRST_CAPACITY);
  private flags = new Int32Array(FIRST_CAPACITY);
  /** The second, modulo 256, and the challenge ACKs sent in it. */
  private challenge = new Uint16Array(FIRST_CAPACITY);
  private flow = new Int32Array(FIRST_CAPACITY);
  private queue = new Uint8Array(FIRST_CAPACITY);
  private tos = new Uint8Array(FIRST_CAPACITY);
  private ttl = new Uint8Array(FIRST_CAPACITY);
  private previous = new Int32Array(FIRST_CAPACITY);
  private next = new Int32Array(FIRST_CAPACITY);

  private readonly queues: Queue[] = [];
  private firstFree = NONE;
  private used = 0;
  count = 0;

  /** Stores a block that is in TIME-WAIT; its deadline is `tcb.retry.recordDeadline`. Returns the record. */
  add(tcb: Tcb): number {
    if (this.firstFree === NONE && this.used === this.deadline.length) this.grow();
    let index = this.firstFree;
    if (index !== NONE) this.firstFree = this.next[index] as number;
    else index = this.used++;
    this.queue[index] = this.queueFor(tcb.config);
    this.count++;
    this.store(index, tcb);
    this.append(index);
    return index;
  }

  /** Fills `tcb` with the record. */
  expand(index: number, tcb: Tcb): void {
    const flags = this.flags[index] as number;
    tcb.kind = KIND_TIME_WAIT;
    tcb.config = (this.queues[this.queue[index] as number] as Queue).config;
    tcb.retry.recordDeadline = this.deadline[index] as number;
    tcb.retry.recordCount = (flags >>> RESTARTS_SHIFT) & RESTARTS_MAX;
    tcb.flow = this.flow[index] as number;
    tcb.id = this.id[index] as number;
    tcb.incarnation = (flags >>> INCARNATION_SHIFT) & INCARNATION_MAX;
    tcb.pathCode = this.path[index] as number;
    tcb.closedFirst = CLOSED_FIRST[(flags >>> FIRST_SHIFT) & FIRST_MASK] as ClosedFirst;
    tcb.snd.iss = toSeq(this.iss[index] as number);
    tcb.snd.nxt = toSeq(this.sndNxt[index] as number);
    tcb.snd.una = tcb.snd.nxt;
    tcb.rcv.irs = toSeq(this.irs[index] as number);
    tcb.rcv.nxt = toSeq(this.rcvNxt[index] as number);
    tcb.rcv.shift = flags & SHIFT_MASK;
    tcb.rcv.wnd = (this.rcvWnd[index] as number) << tcb.rcv.shift;
    tcb.rcv.lastAckSent = tcb.rcv.nxt;
    tcb.rcv.finSeen = true;
    tcb.rcv.fin = toSeq(tcb.rcv.nxt - 1);
    tcb.timestamps.agreed = (flags & TIMESTAMPS) !== 0;
    tcb.timestamps.recent = this.tsRecent[index] as number;
    tcb.handshake.sackAgreed = (flags & SACK) !== 0;
    tcb.reuseAddress = (flags & REUSE) !== 0;
    tcb.user.tos = this.tos[index] as number;
    tcb.user.ttl = this.ttl[index] as number;
    tcb.ready = (flags & READY) !== 0;
    tcb.acking.acksOwed = (flags >>> ACKS_SHIFT) & ACKS_MASK;
    tcb.acking.challengeSecond = (this.challenge[index] as number) >>> 8;
    tcb.acking.challengeCount = (this.challenge[index] as number) & 0xff;
  }

  /** Stores what processing has changed; a deadline that moved puts the record at its queue's end. */
  pack(index: number, tcb: Tcb): void {
    const restarted = tcb.retry.recordDeadline !== (this.deadline[index] as number);
    this.store(index, tcb);
    if (restarted) {
      this.unlink(index);
      this.append(index);
    }
  }

  remove(index: number): void {
    this.unlink(index);
    this.next[index] = this.firstFree;
    this.firstFree = index;
    this.count--;
  }

  /** The record with the earliest deadline, or -1. */
  first(): number {
    let first = NONE;
    let earliest = NEVER;
    for (let i = 0; i < this.queues.length; i++) {
      const head = (this.queues[i] as Queue).head;
      if (head !== NONE && (this.deadline[head] as number) < earliest) {
        first = head;
        earliest = this.deadline[head] as number;
      }
    }
    return first;
  }

  /** The earliest deadline, µs, or NEVER. */
  get nextDeadline(): number {
    const first = this.first();
    return first === NONE ? NEVER : (this.deadline[first] as number);
  }

  flowOf(index: number): number {
    return this.flow[index] as number;
  }

  /** SO_REUSEADDR of the socket that left it, for the rules of binding. */
  reuseOf(index: number): boolean {
    return ((this.flags[index] as number) & REUSE) !== 0;
  }

  /** Bytes of memory held by the records. */
  get memory(): number {
    return this.deadline.length * (8 + 4 * 11 + 7);
  }

  private store(index: number, tcb: Tcb): void {
    this.deadline[index] = tcb.retry.recordDeadline;
    this.iss[index] = tcb.snd.iss;
    this.irs[index] = tcb.rcv.irs;
    this.sndNxt[index] = tcb.snd.nxt;
    this.rcvNxt[index] = tcb.rcv.nxt;
    this.rcvWnd[index] = Math.min(0xffff, tcb.rcv.wnd >> tcb.rcv.shift);
    this.tsRecent[index] = tcb.timestamps.recent;
    this.id[index] = tcb.id;
    this.path[index] = tcb.pathCode;
    this.flow[index] = tcb.flow;
    this.tos[index] = tcb.user.tos;
    this.ttl[index] = tcb.user.ttl;
    this.challenge[index] =
      ((tcb.acking.challengeSecond & 0xff) << 8) | Math.min(tcb.acking.challengeCount, 0xff);
    this.flags[index] =
      tcb.rcv.shift |
      (tcb.timestamps.agreed ? TIMESTAMPS : 0) |
      (tcb.handshake.sackAgreed ? SACK : 0) |
      (tcb.reuseAddress ? REUSE : 0) |
      (tcb.ready ? READY : 0) |
      (Math.min(tcb.acking.acksOwed + (tcb.acking.ackNow ? 1 : 0), ACKS_MASK) << ACKS_SHIFT) |
      (CLOSED_FIRST.indexOf(tcb.closedFirst) << FIRST_SHIFT) |
      (Math.min(tcb.retry.recordCount, RESTARTS_MAX) << RESTARTS_SHIFT) |
      (Math.min(tcb.incarnation, INCARNATION_MAX) << INCARNATION_SHIFT);
  }

  private queueFor(config: TcpConfig): number {
    const queues = this.queues;
    for (let i = 0; i < queues.length; i++) {
      const own = (queues[i] as Queue).config;
      if (own === config || sameTimeWait(own, config)) return i;
    }
    return this.newQueue(config);
  }

  /** One more queue; when their numbers are used up, one that is empty, else the last serves for all others. */
  private newQueue(config: TcpConfig): number {
    const queues = this.queues;
    if (queues.length < MAX_QUEUES) return queues.push({ config, head: NONE, tail: NONE }) - 1;
    const empty = queues.findIndex(({ head }) => head === NONE);
    if (empty < 0) return MAX_QUEUES - 1;
    queues[empty] = { config, head: NONE, tail: NONE };
    return empty;
  }

  /** Puts a record where its deadline belongs: at the end, but for a clock's rounding. */
  private append(index: number): void {
    const queue = this.queues[this.queue[index] as number] as Queue;
    const deadline = this.deadline[index] as number;
    let after = queue.tail;
    while (after !== NONE && (this.deadline[after] as number) > deadline)
      after = this.previous[after] as number;
    const before = after === NONE ? queue.head : (this.next[after] as number);
    this.previous[index] = after;
    this.next[index] = before;
    if (after === NONE) queue.head = index;
    else this.next[after] = index;
    if (before === NONE) queue.tail = index;
    else this.previous[before] = index;
  }

  private unlink(index: number): void {
    const queue = this.queues[this.queue[index] as number] as Queue;
    const before = this.previous[index] as number;
    const after = this.next[index] as number;
    if (before === NONE) queue.head = after;
    else this.next[before] = after;
    if (after === NONE) queue.tail = before;
    else this.previous[after] = before;
  }

  private grow(): void {
    const size = this.deadline.length * 2;
    const deadline = new Float64Array(size);
    deadline.set(this.deadline);
    this.deadline = deadline;
    this.iss = larger(this.iss, size);
    this.irs = larger(this.irs, size);
    this.sndNxt = larger(this.sndNxt, size);
    this.rcvNxt = larger(this.rcvNxt, size);
    this.tsRecent = larger(this.tsRecent, size);
    this.id = larger(this.id, size);
    this.path = larger(this.path, size);
    this.flags = larger(this.flags, size);
    this.flow = larger(this.flow, size);
    this.previous = larger(this.previous, size);
    this.next = larger(this.next, size);
    this.rcvWnd = largerWords(this.rcvWnd, size);
    this.challenge = largerWords(this.challenge, size);
    this.queue = largerBytes(this.queue, size);
    this.tos = largerBytes(this.tos, size);
    this.ttl = largerBytes(this.ttl, size);
  }
}

/** Whether two configurations treat TIME-WAIT alike, so that their records share a queue. */
function sameTimeWait(a: TcpConfig, b: TcpConfig): boolean {
  return (
    a.msl === b.msl &&
    a.timeWaitRfc1337 === b.timeWaitRfc1337 &&
    a.timeWaitReuse === b.timeWaitReuse &&
    a.rfc5961 === b.rfc5961 &&
    a.challengeAckLimit === b.challengeAckLimit
  );
}

function larger(array: Int32Array, size: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(size);
  copy.set(array);
  return copy;
}

function largerWords(array: Uint16Array, size: number): Uint16Array<ArrayBuffer> {
  const copy = new Uint16Array(size);
  copy.set(array);
  return copy;
}

function largerBytes(array: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(size);
  copy.set(array);
  return copy;
}
