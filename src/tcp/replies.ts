/** Segments that no connection sends: resets, and SYN,ACKs that carry a cookie. Queued in phase 1, made in phase 4. */

import { type Seq, toSeq } from '../base/seq.ts';
import type { Tcb } from './tcb.ts';

/** More in one turn are not answered: the peer asks again. */
const CAPACITY = 1024;
const FIELDS = 12;

/** A fixed ring of replies. */
export class ReplyQueue {
  private readonly fields = new Int32Array(CAPACITY * FIELDS);
  private readonly owners: (Tcb | null)[] = new Array<Tcb | null>(CAPACITY).fill(null);
  private head = 0;
  count = 0;

  // The reply being built or taken.
  localAddress = 0;
  peerAddress = 0;
  localPort = 0;
  peerPort = 0;
  seq: Seq = toSeq(0);
  ack: Seq = toSeq(0);
  flags = 0;
  wnd = 0;
  /** > 0: a SYN,ACK with these options. */
  mss = 0;
  /** -1 = none. */
  windowScale = -1;
  sackPermitted = false;
  hasTimestamps = false;
  tsVal = 0;
  tsEcr = 0;
  /** The connection that it ends, for the trace. */
  tcb: Tcb | null = null;

  /** Clears the ACK number and the options of the reply being built. */
  begin(): void {
    this.ack = toSeq(0);
    this.wnd = 0;
    this.mss = 0;
    this.windowScale = -1;
    this.sackPermitted = false;
    this.hasTimestamps = false;
    this.tsVal = 0;
    this.tsEcr = 0;
    this.tcb = null;
  }

  get full(): boolean {
    return this.count === CAPACITY;
  }

  /** Queues the fields; false when the queue is full. */
  push(): boolean {
    if (this.count === CAPACITY) return false;
    const slot = (this.head + this.count++) % CAPACITY;
    const at = slot * FIELDS;
    const fields = this.fields;
    fields[at] = this.localAddress;
    fields[at + 1] = this.peerAddress;
    fields[at + 2] = this.localPort;
    fields[at + 3] = this.peerPort;
    fields[at + 4] = this.seq;
    fields[at + 5] = this.ack;
    fields[at + 6] = this.flags;
    fields[at + 7] = this.wnd;
    fields[at + 8] = this.mss;
    fields[at + 9] =
      (this.windowScale + 1) | (this.sackPermitted ? 0x100 : 0) | (this.hasTimestamps ? 0x200 : 0);
    fields[at + 10] = this.tsVal;
    fields[at + 11] = this.tsEcr;
    this.owners[slot] = this.tcb;
    return true;
  }

  /** Takes the oldest into the fields; false when none waits. */
  take(): boolean {
    if (this.count === 0) return false;
    const at = this.head * FIELDS;
    const fields = this.fields;
    this.localAddress = fields[at] as number;
    this.peerAddress = fields[at + 1] as number;
    this.localPort = fields[at + 2] as number;
    this.peerPort = fields[at + 3] as number;
    this.seq = toSeq(fields[at + 4] as number);
    this.ack = toSeq(fields[at + 5] as number);
    this.flags = fields[at + 6] as number;
    this.wnd = fields[at + 7] as number;
    this.mss = fields[at + 8] as number;
    const options = fields[at + 9] as number;
    this.windowScale = (options & 0xff) - 1;
    this.sackPermitted = (options & 0x100) !== 0;
    this.hasTimestamps = (options & 0x200) !== 0;
    this.tsVal = fields[at + 10] as number;
    this.tsEcr = fields[at + 11] as number;
    this.tcb = this.owners[this.head] as Tcb | null;
    this.owners[this.head] = null;
    this.head = (this.head + 1) % CAPACITY;
    this.count--;
    return true;
  }
}
