/**
 * What is in flight: one record per range of sequence space that was sent together, from SND.UNA to
 * SND.NXT without gaps. A record of a super-packet stands for several segments and can be split, so
 * that a part of it is lost, acknowledged or sent again by itself.
 */

import type { Clock } from '../../base/clock.ts';
import { NO_RANGES, type RangeList } from '../../base/range-list.ts';
import { SEQ_ZERO, type Seq, seqAdd, seqDiff, seqGe, seqGt, seqLe, seqLt, toSeq } from '../../base/seq.ts';
import type { Ledger } from '../compact/ledger.ts';
import type { Delivery } from './delivery.ts';
import type { Records, RecordsPool } from './records.ts';

// What is known of a record.
/** The peer has it (SACK). */
export const SACKED = 0x01;
/** Believed lost. */
export const LOST = 0x02;
/** Sent again since it was believed lost, and that copy may be on its way. */
export const RESENT = 0x04;
/** Was sent more than once at some time: no RTT sample without timestamps (Karn). */
export const EVER_RESENT = 0x08;
/** Contains our SYN, our FIN. */
export const HAS_SYN = 0x10;
export const HAS_FIN = 0x20;

/** What the connections of a stack share. */
export interface FlightMemory {
  readonly clock: Clock;
  readonly records: RecordsPool;
  readonly delivery: Delivery;
}

export class InFlight {
  private readonly memory: FlightMemory;
  private records: Records | null = null;
  private head = 0;
  /** Records held. */
  count = 0;

  // Bytes of sequence space, kept up to date with every change of a record.
  total = 0;
  sacked = 0;
  lost = 0;
  /** Of the lost ones: sent again. */
  resent = 0;
  /** RACK.fack: one past the highest sequence number ever delivered (point). */
  fack: Seq = SEQ_ZERO;
  /** Records before this one (from the front) need no retransmission. */
  private resendHint = 0;
  /** Of the records before this one it is settled whether their first sending was lost. */
  settled = 0;

  constructor(memory: FlightMemory) {
    this.memory = memory;
  }

  get isEmpty(): boolean {
    return this.records === null && this.count === 0;
  }

  /** What is left while nothing is in flight. */
  exchange(ledger: Ledger): void {
    this.fack = ledger.seq(this.fack);
  }

  /** What the peer has beyond SND.UNA. */
  get islands(): RangeList {
    return this.records === null ? NO_RANGES : this.records.islands;
  }

  /** Bytes believed to be in the network (RFC 6675's pipe, for any kind of recovery). */
  get pipe(): number {
    return this.total - this.sacked - this.lost + this.resent;
  }

  /** Adds what was just sent: [seq, seq + length), the newest, in segments of `size` bytes. */
  push(seq: Seq, length: number, flags: number, size: number): void {
    let records = this.records;
    if (records === null) {
      records = this.memory.records.take();
      this.records = records;
      this.head = 0;
    } else if (this.count === records.capacity) {
      records = this.grow(records);
    }
    const at = (this.head + this.count) & (records.capacity - 1);
    records.seq[at] = seq;
    records.length[at] = length;
    records.sentAt[at] = this.memory.clock.now;
    records.flags[at] = flags;
    records.size[at] = size;
    if (this.count === 0) this.fack = seq;
    this.count++;
    this.total += length;
  }

  /** Sequence number of record `index`, 0 being the oldest (point). */
  seqOf(index: number): Seq {
    const records = this.records as Records;
    return toSeq(records.seq[(this.head + index) & (records.capacity - 1)] as number);
  }

  /** Sequence space of record `index`, bytes. */
  lengthOf(index: number): number {
    const records = this.records as Records;
    return records.length[(this.head + index) & (records.capacity - 1)] as number;
  }

  /** SACKED, LOST … of record `index`. */
  flagsOf(index: number): number {
    const records = this.records as Records;
    return records.flags[(this.head + index) & (records.capacity - 1)] as number;
  }

  /** Bytes of text in each segment of record `index` but the last, which may have fewer. */
  sizeOf(index: number): number {
    const records = this.records as Records;
    return records.size[(this.head + index) & (records.capacity - 1)] as number;
  }

  /** When record `index` was last sent, µs. */
  sentAtOf(index: number): number {
    const records = this.records as Records;
    return records.sentAt[(this.head + index) & (records.capacity - 1)] as number;
  }

  /** One past the last sequence number of record `index` (point). */
  endOf(index: number): Seq {
    return seqAdd(this.seqOf(index), this.lengthOf(index));
  }

  /** Changes what is known of record `index`; keeps the sums. */
  setFlags(index: number, flags: number): void {
    const records = this.records as Records;
    const at = (this.head + index) & (records.capacity - 1);
    this.account(records.flags[at] as number, -(records.length[at] as number));
    records.flags[at] = flags;
    this.account(flags, records.length[at] as number);
    if (index < this.resendHint && (flags & (LOST | RESENT | SACKED)) === LOST) this.resendHint = index;
  }

  /** Record `index` was just sent again, in segments of `size` bytes. */
  markResent(index: number, size: number): void {
    const records = this.records as Records;
    const at = (this.head + index) & (records.capacity - 1);
    records.sentAt[at] = this.memory.clock.now;
    records.size[at] = size;
    const flags = records.flags[at] as number;
    this.setFlags(index, flags | EVER_RESENT | ((flags & LOST) !== 0 ? RESENT : 0));
  }

  /** Before an ACK is looked at. */
  beginAck(): void {
    this.memory.delivery.begin(this.fack);
  }

  /**
   * The peer says that it has [left, right), which lies between SND.UNA and SND.NXT. Only what is new
   * is walked through; of a record that is covered in part, whole segments count.
   */
  sack(left: Seq, right: Seq): void {
    const { islands } = this;
    let at = left;
    while (seqLt(at, right)) {
      const known = islands.find(seqAdd(at, 1));
      if (known < islands.count && seqLe(islands.startOf(known), at)) {
        at = islands.endOf(known);
        continue;
      }
      const limit = known < islands.count ? islands.startOf(known) : right;
      at = this.sackUnknown(at, seqLt(limit, right) ? limit : right);
    }
  }

  /** Marks the records in [from, to), none of which is SACKed; returns where to go on. */
  private sackUnknown(from: Seq, to: Seq): Seq {
    let index = this.indexOf(from);
    const begun = seqDiff(from, this.seqOf(index));
    if (begun > 0) {
      // The front of this record is not covered: what is goes by itself, from a segment's start on.
      const size = this.sizeOf(index);
      const cut = Math.ceil(begun / size) * size;
      if (cut < this.lengthOf(index)) this.split(index, cut);
      index++;
    }
    if (index >= this.count) return to;
    const start = this.seqOf(index);
    let end = start;
    for (; index < this.count && seqLt(end, to); index++) {
      const covered = seqDiff(to, this.seqOf(index));
      if (covered < this.lengthOf(index)) {
        const whole = covered - (covered % this.sizeOf(index));
        if (whole === 0) break;
        this.split(index, whole);
      }
      end = this.endOf(index);
    }
    if (seqGt(end, start) && this.islands.fits(start, end)) this.markSacked(start, end);
    return to;
  }

  private markSacked(start: Seq, end: Seq): void {
    this.islands.insert(start, end);
    for (let i = this.indexOf(start); i < this.count && seqLt(this.seqOf(i), end); i++) {
      const flags = this.flagsOf(i);
      this.delivered(this.endOf(i), this.sentAtOf(i), flags);
      this.setFlags(i, (flags & ~(LOST | RESENT)) | SACKED);
    }
  }

  /** Where to look for what was sent again and may be lost, too: before this index; 0 when nothing was. */
  get resentBefore(): number {
    return this.resent === 0 ? 0 : Math.min(this.resendHint, this.count);
  }

  /** The first record behind the island that SACKED record `index` belongs to. */
  behindIsland(index: number): number {
    const island = this.islands.containing(this.seqOf(index));
    if (island < 0) return index + 1;
    const end = this.islands.endOf(island);
    return seqGe(end, this.endOf(this.count - 1)) ? this.count : this.indexOf(end);
  }

  /** Index of the record that contains `seq`, which is in flight. */
  indexOf(seq: Seq): number {
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (seqGt(this.seqOf(middle), seq)) high = middle - 1;
      else low = middle;
    }
    return low;
  }

  /** The peer has dropped what it had SACKed (RFC 2018 §8): nothing counts as delivered. */
  forgetSacks(): void {
    this.islands.clear();
    this.settled = 0;
    for (let i = 0; i < this.count; i++) {
      const flags = this.flagsOf(i);
      if ((flags & SACKED) !== 0) this.setFlags(i, flags & ~SACKED);
    }
  }

  /** Nothing was lost after all. */
  forgetLosses(): void {
    for (let i = 0; i < this.count; i++) this.setFlags(i, this.flagsOf(i) & ~(LOST | RESENT));
    this.settled = 0;
  }

  /** Everything not SACKed is believed lost, and no copy under way (RFC 6298 §5.4, a timeout). */
  markAllLost(): void {
    for (let i = 0; i < this.count; i++) {
      const flags = this.flagsOf(i);
      if ((flags & SACKED) === 0) this.setFlags(i, (flags & ~RESENT) | LOST);
    }
  }

  /** The oldest record to be sent again, or -1. */
  nextToResend(): number {
    for (let i = this.resendHint; i < this.count; i++) {
      if ((this.flagsOf(i) & (LOST | RESENT | SACKED)) === LOST) {
        this.resendHint = i;
        return i;
      }
    }
    this.resendHint = this.count;
    return -1;
  }

  /** Cuts record `index` after `bytes`; both halves inherit what is known, SYN stays first and FIN last. */
  split(index: number, bytes: number): void {
    let records = this.records as Records;
    if (this.count === records.capacity) records = this.grow(records);
    const mask = records.capacity - 1;
    for (let i = this.count; i > index + 1; i--)
      records.copy(records, (this.head + i - 1) & mask, (this.head + i) & mask);
    const first = (this.head + index) & mask;
    const second = (this.head + index + 1) & mask;
    records.copy(records, first, second);
    records.seq[second] = ((records.seq[first] as number) + bytes) | 0;
    records.length[second] = (records.length[first] as number) - bytes;
    records.flags[second] = (records.flags[second] as number) & ~HAS_SYN;
    records.length[first] = bytes;
    records.flags[first] = (records.flags[first] as number) & ~HAS_FIN;
    this.count++;
    if (this.resendHint > index) this.resendHint++;
    if (this.settled > index) this.settled++;
  }

  /** Takes out what lies before `una`, splitting a record that is acknowledged in part. */
  acknowledge(una: Seq): void {
    this.islands.dropBefore(una);
    const { delivery } = this.memory;
    delivery.ackedOnce = this.count > 0 && seqGe(una, this.firstSegmentEnd());
    delivery.ackedFlags = 0;
    delivery.ackedSentAt = -1;
    while (this.count > 0 && seqGt(una, this.seqOf(0))) {
      const length = this.lengthOf(0);
      const acked = seqDiff(una, this.seqOf(0));
      if (acked < length) {
        this.trimFront(acked);
        return;
      }
      this.popFront();
    }
    if (this.count === 0) this.clear();
  }

  /** Forgets everything and gives the memory back. */
  clear(): void {
    if (this.records !== null) this.memory.records.give(this.records);
    this.records = null;
    this.head = 0;
    this.count = 0;
    this.total = 0;
    this.sacked = 0;
    this.lost = 0;
    this.resent = 0;
    this.resendHint = 0;
    this.settled = 0;
  }

  /** One past the first segment of the oldest record (point). */
  private firstSegmentEnd(): Seq {
    return seqAdd(this.seqOf(0), Math.min(this.sizeOf(0), this.lengthOf(0)));
  }

  /** The oldest record was acknowledged up to `end`. */
  private noteAcked(end: Seq): void {
    const sentAt = this.sentAtOf(0);
    const flags = this.flagsOf(0);
    const { delivery } = this.memory;
    delivery.ackedSentAt = Math.max(delivery.ackedSentAt, sentAt);
    if ((flags & EVER_RESENT) !== 0) delivery.ackedOnce = false;
    if ((flags & SACKED) === 0) this.delivered(end, sentAt, flags);
  }

  private popFront(): void {
    const records = this.records as Records;
    const length = records.length[this.head] as number;
    const flags = records.flags[this.head] as number;
    this.noteAcked(this.endOf(0));
    this.memory.delivery.ackedFlags |= flags & (HAS_SYN | HAS_FIN);
    this.account(flags, -length);
    this.total -= length;
    this.head = (this.head + 1) & (records.capacity - 1);
    this.count--;
    if (this.resendHint > 0) this.resendHint--;
    if (this.settled > 0) this.settled--;
  }

  /** A whole segment of it is as good as a record: what is known of it is news. */
  private trimFront(bytes: number): void {
    const records = this.records as Records;
    const whole = bytes - (bytes % this.sizeOf(0));
    if (whole > 0) this.noteAcked(seqAdd(this.seqOf(0), whole));
    this.account(records.flags[this.head] as number, -bytes);
    this.total -= bytes;
    records.seq[this.head] = ((records.seq[this.head] as number) + bytes) | 0;
    records.length[this.head] = (records.length[this.head] as number) - bytes;
    records.flags[this.head] = (records.flags[this.head] as number) & ~HAS_SYN;
  }

  private delivered(end: Seq, sentAt: number, flags: number): void {
    this.memory.delivery.note(end, sentAt, (flags & EVER_RESENT) !== 0);
    if (seqGt(end, this.fack)) this.fack = end;
  }

  private account(flags: number, bytes: number): void {
    if ((flags & SACKED) !== 0) this.sacked += bytes;
    else if ((flags & LOST) !== 0) {
      this.lost += bytes;
      if ((flags & RESENT) !== 0) this.resent += bytes;
    }
  }

  private grow(old: Records): Records {
    const larger = this.memory.records.take(old.capacity * 2);
    const mask = old.capacity - 1;
    for (let i = 0; i < this.count; i++) larger.copy(old, (this.head + i) & mask, i);
    larger.exchangeIslands(old);
    this.memory.records.give(old);
    this.records = larger;
    this.head = 0;
    return larger;
  }
}
