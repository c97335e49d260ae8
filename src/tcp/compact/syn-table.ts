/**
 * A listener's SYN-RECEIVED connections as compact records: what a SYN flood can make us keep is
 * bounded and small. Expanded into the scratch block for every segment and every SYN,ACK; becomes a
 * connection of its own when our SYN is acknowledged. RFC 4987 §3.
 */

import { DeadlineHeap } from '../../base/deadline-heap.ts';
import { seqAdd, toSeq } from '../../base/seq.ts';
import type { Listener } from '../listener.ts';
import { KIND_SYN_RECEIVED, type Tcb } from '../tcb.ts';

const FIRST_CAPACITY = 16;
const NONE = -1;

// The bits of `flags`.
const RCV_SHIFT_MASK = 0xf;
const SND_SHIFT = 4;
const SND_SHIFT_MASK = 0xf;
const WSCALE = 0x100;
const TIMESTAMPS = 0x200;
const SACK = 0x400;
const ECN = 0x800;
const READY = 0x1000;
const SYN_OWED = 0x2000;
const ACKS_SHIFT = 14;
const ACKS_MASK = 0x7;
const COUNT_SHIFT = 17;
const COUNT_MAX = 0xff;
const REPEATED = 0x2000000;
const ECN_MUTE = 0x4000000;
const COOKIE_OWED = 0x8000000;

export class SynTable {
  private iss = new Int32Array(FIRST_CAPACITY);
  private irs = new Int32Array(FIRST_CAPACITY);
  private sndWnd = new Int32Array(FIRST_CAPACITY);
  private rcvWnd = new Int32Array(FIRST_CAPACITY);
  private mss = new Int32Array(FIRST_CAPACITY);
  private tsRecent = new Int32Array(FIRST_CAPACITY);
  private id = new Int32Array(FIRST_CAPACITY);
  private flags = new Int32Array(FIRST_CAPACITY);
  private challenge = new Int32Array(FIRST_CAPACITY);
  private flow = new Int32Array(FIRST_CAPACITY);
  private incarnation = new Uint8Array(FIRST_CAPACITY);
  private openedAt = new Float64Array(FIRST_CAPACITY);
  private next = new Int32Array(FIRST_CAPACITY);
  private readonly listeners: (Listener | null)[] = [];
  private readonly heap = new DeadlineHeap(FIRST_CAPACITY);
  private firstFree = NONE;
  private used = 0;
  count = 0;

  /** Stores a block in SYN-RECEIVED that came from a listener. */
  add(tcb: Tcb): number {
    if (this.firstFree === NONE && this.used === this.iss.length) this.grow();
    let index = this.firstFree;
    if (index !== NONE) this.firstFree = this.next[index] as number;
    else index = this.used++;
    this.count++;
    this.listeners[index] = tcb.listener;
    this.pack(index, tcb);
    return index;
  }

  /** Fills `tcb` with the record. */
  expand(index: number, tcb: Tcb): void {
    const flags = this.flags[index] as number;
    const listener = this.listeners[index] as Listener;
    tcb.kind = KIND_SYN_RECEIVED;
    tcb.config = listener.config;
    tcb.listener = listener;
    tcb.reuseAddress = listener.reuseAddress;
    tcb.passive = true;
    tcb.retry.recordDeadline = this.heap.deadlineOf(index);
    tcb.retry.recordCount = (flags >>> COUNT_SHIFT) & COUNT_MAX;
    tcb.flow = this.flow[index] as number;
    tcb.id = this.id[index] as number;
    tcb.incarnation = this.incarnation[index] as number;
    tcb.tally.openedAt = this.openedAt[index] as number;
    tcb.snd.iss = toSeq(this.iss[index] as number);
    tcb.snd.una = tcb.snd.iss;
    tcb.snd.nxt = seqAdd(tcb.snd.iss, 1);
    tcb.snd.wnd = this.sndWnd[index] as number;
    tcb.snd.maxWnd = tcb.snd.wnd;
    tcb.snd.shift = (flags >>> SND_SHIFT) & SND_SHIFT_MASK;
    tcb.rcv.irs = toSeq(this.irs[index] as number);
    tcb.rcv.nxt = seqAdd(tcb.rcv.irs, 1);
    tcb.snd.wl1 = tcb.rcv.irs;
    tcb.snd.wl2 = tcb.snd.iss;
    tcb.rcv.lastAckSent = tcb.rcv.nxt;
    tcb.rcv.wnd = this.rcvWnd[index] as number;
    tcb.rcv.shift = flags & RCV_SHIFT_MASK;
    tcb.handshake.peerMss = this.mss[index] as number;
    tcb.handshake.wscaleAgreed = (flags & WSCALE) !== 0;
    tcb.timestamps.agreed = (flags & TIMESTAMPS) !== 0;
    tcb.timestamps.recent = this.tsRecent[index] as number;
    tcb.handshake.sackAgreed = (flags & SACK) !== 0;
    tcb.ecn.agreed = (flags & ECN) !== 0;
    tcb.ecn.mute = (flags & ECN_MUTE) !== 0;
    tcb.ready = (flags & READY) !== 0;
    tcb.handshake.synOwed = (flags & SYN_OWED) !== 0;
    tcb.handshake.synRepeated = (flags & REPEATED) !== 0;
    tcb.handshake.cookieOwed = (flags & COOKIE_OWED) !== 0;
    tcb.acking.acksOwed = (flags >>> ACKS_SHIFT) & ACKS_MASK;
    tcb.acking.challengeSecond = (this.challenge[index] as number) >>> 8;
    tcb.acking.challengeCount = (this.challenge[index] as number) & 0xff;
  }

  /** Stores what processing has changed. */
  pack(index: number, tcb: Tcb): void {
    this.iss[index] = tcb.snd.iss;
    this.irs[index] = tcb.rcv.irs;
    this.sndWnd[index] = tcb.snd.wnd;
    this.rcvWnd[index] = tcb.rcv.wnd;
    this.mss[index] = tcb.handshake.peerMss;
    this.tsRecent[index] = tcb.timestamps.recent;
    this.id[index] = tcb.id;
    this.incarnation[index] = Math.min(tcb.incarnation, 0xff);
    this.flow[index] = tcb.flow;
    this.openedAt[index] = tcb.tally.openedAt;
    this.challenge[index] = (tcb.acking.challengeSecond << 8) | Math.min(tcb.acking.challengeCount, 0xff);
    this.flags[index] =
      tcb.rcv.shift |
      (tcb.snd.shift << SND_SHIFT) |
      (tcb.handshake.wscaleAgreed ? WSCALE : 0) |
      (tcb.timestamps.agreed ? TIMESTAMPS : 0) |
      (tcb.handshake.sackAgreed ? SACK : 0) |
      (tcb.ecn.agreed ? ECN : 0) |
      (tcb.ready ? READY : 0) |
      (tcb.handshake.synOwed ? SYN_OWED : 0) |
      (tcb.handshake.synRepeated ? REPEATED : 0) |
      (tcb.ecn.mute ? ECN_MUTE : 0) |
      (tcb.handshake.cookieOwed ? COOKIE_OWED : 0) |
      (Math.min(tcb.acking.acksOwed + (tcb.acking.ackNow ? 1 : 0), ACKS_MASK) << ACKS_SHIFT) |
      (Math.min(tcb.retry.recordCount, COUNT_MAX) << COUNT_SHIFT);
    if (tcb.retry.recordDeadline !== this.heap.deadlineOf(index))
      this.heap.set(index, tcb.retry.recordDeadline);
  }

  remove(index: number): void {
    this.heap.remove(index);
    this.listeners[index] = null;
    this.next[index] = this.firstFree;
    this.firstFree = index;
    this.count--;
  }

  /** The record with the earliest deadline, or -1. */
  first(): number {
    return this.heap.first;
  }

  /** µs, or NEVER. */
  get nextDeadline(): number {
    return this.heap.earliest;
  }

  flowOf(index: number): number {
    return this.flow[index] as number;
  }

  listenerOf(index: number): Listener | null {
    return this.listeners[index] ?? null;
  }

  /** Records ever used at the same time: iterate 0 … limit and ask `listenerOf`. */
  get limit(): number {
    return this.used;
  }

  /** Bytes of memory held by the records. */
  get memory(): number {
    return this.iss.length * (9 + 4 * 11 + 20);
  }

  private grow(): void {
    const size = this.iss.length * 2;
    this.iss = larger(this.iss, size);
    this.irs = larger(this.irs, size);
    this.sndWnd = larger(this.sndWnd, size);
    this.rcvWnd = larger(this.rcvWnd, size);
    this.mss = larger(this.mss, size);
    this.tsRecent = larger(this.tsRecent, size);
    this.id = larger(this.id, size);
    this.flags = larger(this.flags, size);
    this.challenge = larger(this.challenge, size);
    this.flow = larger(this.flow, size);
    this.next = larger(this.next, size);
    const incarnation = new Uint8Array(size);
    incarnation.set(this.incarnation);
    this.incarnation = incarnation;
    const openedAt = new Float64Array(size);
    openedAt.set(this.openedAt);
    this.openedAt = openedAt;
  }
}

function larger(array: Int32Array, size: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(size);
  copy.set(array);
  return copy;
}
