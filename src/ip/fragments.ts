/**
 * Reassembly, RFC 791 §3.2 and RFC 815, within fixed limits.
 *
 * A slot holds one datagram: 64 KiB of memory made once and recycled, and a sorted list of the
 * fragments seen. Nothing is allocated by the size of what arrives; the slots together are the limit
 * of memory. When no slot is free the oldest datagram leaves.
 */

import { type Clock, MICROSECONDS_PER_SECOND, NEVER } from '../base/clock.ts';
import type { Counters } from '../base/counters.ts';
import { invariant } from '../base/invariant.ts';
import { REASON, type Reason } from '../base/reasons.ts';
import { foldChecksum, sumView } from '../wire/checksum.ts';
import {
  IPV4_CHECKSUM,
  IPV4_FRAGMENT,
  IPV4_TOS,
  IPV4_TOTAL_LENGTH,
  type Ipv4Header,
  MAX_DATAGRAM_LENGTH,
} from '../wire/ipv4.ts';
import { CHECKSUM_UNVERIFIED, Packet } from '../wire/packet.ts';
import { TCP_DATA_OFFSET, TCP_HEADER_LENGTH } from '../wire/tcp-header.ts';
import { PROTOCOL_TCP } from './protocol.ts';

/** Datagrams at once: 64 × 64 KiB is all the memory that reassembly takes. */
export const MAX_DATAGRAMS = 64;
/** Of these, from one source. */
export const MAX_DATAGRAMS_PER_SOURCE = 16;
/** Fragments of one datagram: the longest datagram over an MTU of 576 has 119. */
export const MAX_FRAGMENTS = 128;
/** From the first fragment on, never extended; RFC 1122 §3.3.2 allows 60 to 120 s. */
export const REASSEMBLY_TIMEOUT = 60 * MICROSECONDS_PER_SECOND;

/** Room for the longest IP header in front of the payload. */
const HEADROOM = 60;
const SLOT_LENGTH = HEADROOM + MAX_DATAGRAM_LENGTH + 1;
const ECN_MASK = 0x03;

/** Told in phase 2 of datagrams that were not completed in time and whose first fragment came. */
export interface ReassemblyListener {
  /** `packet` is the header and what is there from offset 0 on. */
  reassemblyTimedOut(packet: Packet, ip: Ipv4Header): void;
}

class Datagram {
  readonly bytes = new Uint8Array(SLOT_LENGTH);
  readonly view = new DataView(this.bytes.buffer);
  /** Sorted, disjoint [start, end) pairs of payload offsets, one pair for each fragment. */
  readonly edges = new Int32Array(2 * MAX_FRAGMENTS);
  used = false;
  /** Why nothing will be delivered; the key is remembered until the deadline. ACCEPTED: all is well so far. */
  discarded: Reason = REASON.ACCEPTED;
  source = 0;
  destination = 0;
  protocol = 0;
  identification = 0;
  count = 0;
  received = 0;
  /** Length of the payload, known from the fragment without MF; else -1. */
  total = -1;
  /** Length of the header in front of the payload, 0 until the first fragment came. */
  headerLength = 0;
  congestionExperienced = false;
  /** A fragment's ECN field was Not-ECT. */
  notCapable = false;
  deadline = NEVER;
}

/** See the file's head. One per stack. */
export class Reassembly {
  private readonly clock: Clock;
  private readonly counters: Counters;
  private readonly slots: Datagram[] = [];
  /** The completed datagram after {@link add} returned ACCEPTED, until the next call. */
  readonly assembled = new Packet();
  /** Absolute µs of the next expiry, or NEVER. */
  nextDeadline = NEVER;

  constructor(clock: Clock, counters: Counters) {
    this.clock = clock;
    this.counters = counters;
  }

  /**
   * Takes one fragment. ACCEPTED: it was the last missing one, `assembled` is the datagram and `ip`
   * its header. Else IP_FRAGMENT (kept), or why it was dropped.
   */
  add(packet: Packet, ip: Ipv4Header): Reason {
    const start = ip.fragmentOffset;
    const length = ip.payloadEnd - ip.payloadStart;
    if (length === 0 || (ip.moreFragments && length % 8 !== 0)) return REASON.FRAG_MALFORMED;
    if (start + length + ip.headerLength > MAX_DATAGRAM_LENGTH) return REASON.FRAG_MALFORMED;
    if (isTiny(packet, ip, length)) return REASON.FRAG_TINY;
    const slot = this.find(ip) ?? this.open(ip);
    if (slot.discarded !== REASON.ACCEPTED) return slot.discarded;
    const verdict = this.place(slot, packet, ip);
    if (verdict !== REASON.IP_FRAGMENT) return verdict;
    if (slot.total < 0 || slot.received < slot.total) return REASON.IP_FRAGMENT;
    return this.complete(slot, ip);
  }

  /** Phase 2: gives up what was not completed in time. */
  expire(listener: ReassemblyListener, ip: Ipv4Header): void {
    if (this.nextDeadline > this.clock.now) return;
    for (let i = 0; i < this.slots.length; i++) {
      const slot = this.slots[i] as Datagram;
      if (!slot.used || slot.deadline > this.clock.now) continue;
      if (slot.discarded === REASON.ACCEPTED) {
        this.counters.count(REASON.FRAG_REASM_TIMEOUT);
        if (slot.headerLength > 0) {
          this.show(slot, ip, (slot.edges[1] as number) - (slot.edges[0] as number));
          listener.reassemblyTimedOut(this.assembled, ip);
        }
      }
      slot.used = false;
    }
    this.findDeadline();
  }

  /** Datagrams being held, discarded ones included. */
  get size(): number {
    let size = 0;
    for (let i = 0; i < this.slots.length; i++) if ((this.slots[i] as Datagram).used) size++;
    return size;
  }

  private find(ip: Ipv4Header): Datagram | null {
    for (let i = 0; i < this.slots.length; i++) {
      const slot = this.slots[i] as Datagram;
      if (
        slot.used &&
        slot.identification === ip.identification &&
        slot.source === ip.source &&
        slot.destination === ip.destination &&
        slot.protocol === ip.protocol
      ) {
        return slot;
      }
    }
    return null;
  }

  private open(ip: Ipv4Header): Datagram {
    const slot = this.takeSlot(ip.source);
    slot.used = true;
    slot.discarded = REASON.ACCEPTED;
    slot.source = ip.source;
    slot.destination = ip.destination;
    slot.protocol = ip.protocol;
    slot.identification = ip.identification;
    slot.count = 0;
    slot.received = 0;
    slot.total = -1;
    slot.headerLength = 0;
    slot.congestionExperienced = false;
    slot.notCapable = false;
    slot.deadline = this.clock.now + REASSEMBLY_TIMEOUT;
    if (slot.deadline < this.nextDeadline) this.nextDeadline = slot.deadline;
    return slot;
  }

  /** A free slot; a source over its share loses its oldest datagram, a full table the oldest of all. */
  private takeSlot(source: number): Datagram {
    let ofSource = 0;
    let free: Datagram | null = null;
    for (let i = 0; i < this.slots.length; i++) {
      const slot = this.slots[i] as Datagram;
      if (!slot.used) free = slot;
      else if (slot.source === source) ofSource++;
    }
    if (ofSource >= MAX_DATAGRAMS_PER_SOURCE) return this.evictOldest(source);
    if (free !== null) return free;
    if (this.slots.length === MAX_DATAGRAMS) return this.evictOldest(null);
    const slot = new Datagram();
    this.slots.push(slot);
    return slot;
  }

  /** Frees the slot of the oldest datagram of `source`, or of all; there is one. */
  private evictOldest(source: number | null): Datagram {
    let oldest: Datagram | null = null;
    for (let i = 0; i < this.slots.length; i++) {
      const slot = this.slots[i] as Datagram;
      if (!slot.used || (source !== null && slot.source !== source)) continue;
      if (oldest === null || slot.deadline < oldest.deadline) oldest = slot;
    }
    invariant(oldest !== null, 'only a used slot is evicted');
    this.counters.count(REASON.FRAG_LIMIT);
    oldest.used = false;
    this.findDeadline();
    return oldest;
  }

  /** Puts the fragment into its datagram: IP_FRAGMENT, or why not. */
  private place(slot: Datagram, packet: Packet, ip: Ipv4Header): Reason {
    const start = ip.fragmentOffset;
    const end = start + ip.payloadEnd - ip.payloadStart;
    const index = firstEndingAfter(slot, start);
    const next = index < slot.count ? (slot.edges[2 * index] as number) : MAX_DATAGRAM_LENGTH;
    if (next < end) {
      if (this.isDuplicate(slot, index, packet, ip)) return REASON.DUP_FRAG;
      return this.discard(slot, REASON.FRAG_OVERLAP);
    }
    if (contradictsEnd(slot, end, ip.moreFragments)) return this.discard(slot, REASON.FRAG_OVERLAP);
    if (slot.count === MAX_FRAGMENTS) return this.discard(slot, REASON.FRAG_LIMIT);
    slot.edges.copyWithin(2 * index + 2, 2 * index, 2 * slot.count);
    slot.edges[2 * index] = start;
    slot.edges[2 * index + 1] = end;
    slot.count++;
    slot.received += end - start;
    if (!ip.moreFragments) slot.total = end;
    if ((ip.tos & ECN_MASK) === ECN_MASK) slot.congestionExperienced = true;
    else if ((ip.tos & ECN_MASK) === 0) slot.notCapable = true;
    slot.bytes.set(packet.bytes.subarray(ip.payloadStart, ip.payloadEnd), HEADROOM + start);
    if (start === 0) {
      slot.headerLength = ip.headerLength;
      slot.bytes.set(packet.bytes.subarray(packet.start, ip.payloadStart), HEADROOM - ip.headerLength);
    }
    return REASON.IP_FRAGMENT;
  }

  /** The same range with the same bytes and the same MF. */
  private isDuplicate(slot: Datagram, index: number, packet: Packet, ip: Ipv4Header): boolean {
    const start = ip.fragmentOffset;
    const length = ip.payloadEnd - ip.payloadStart;
    if (slot.edges[2 * index] !== start || slot.edges[2 * index + 1] !== start + length) return false;
    if (ip.moreFragments === (slot.total === start + length)) return false;
    for (let i = 0; i < length; i++) {
      if (packet.bytes[ip.payloadStart + i] !== slot.bytes[HEADROOM + start + i]) return false;
    }
    return true;
  }

  /** Nothing of this datagram is delivered any more, RFC 5722 §4; later fragments meet the same end. */
  private discard(slot: Datagram, reason: Reason): Reason {
    slot.discarded = reason;
    return reason;
  }

  private complete(slot: Datagram, ip: Ipv4Header): Reason {
    slot.used = false;
    this.findDeadline();
    if (slot.headerLength + slot.total > MAX_DATAGRAM_LENGTH) return REASON.FRAG_MALFORMED;
    // A router has marked what it should have dropped.
    if (slot.congestionExperienced && slot.notCapable) return REASON.FRAG_ECN;
    const view = slot.view;
    const start = HEADROOM - slot.headerLength;
    view.setUint16(start + IPV4_TOTAL_LENGTH, slot.headerLength + slot.total);
    view.setUint16(start + IPV4_FRAGMENT, 0);
    // RFC 3168 §5.3: a mark on any fragment is a mark on the datagram.
    if (slot.congestionExperienced)
      view.setUint8(start + IPV4_TOS, view.getUint8(start + IPV4_TOS) | ECN_MASK);
    view.setUint16(start + IPV4_CHECKSUM, 0);
    view.setUint16(start + IPV4_CHECKSUM, foldChecksum(sumView(view, start, HEADROOM, 0)));
    this.show(slot, ip, slot.total);
    return REASON.ACCEPTED;
  }

  /** Points `assembled` and `ip` at the slot's header and the first `length` bytes of its payload. */
  private show(slot: Datagram, ip: Ipv4Header, length: number): void {
    this.assembled.setMemory(slot.bytes, slot.view);
    this.assembled.start = HEADROOM - slot.headerLength;
    this.assembled.end = HEADROOM + length;
    this.assembled.gsoSize = 0;
    this.assembled.checksum = CHECKSUM_UNVERIFIED;
    ip.source = slot.source;
    ip.destination = slot.destination;
    ip.protocol = slot.protocol;
    ip.identification = slot.identification;
    ip.tos = slot.view.getUint8(HEADROOM - slot.headerLength + IPV4_TOS);
    ip.fragmentOffset = 0;
    ip.moreFragments = false;
    ip.dontFragment = false;
    ip.headerLength = slot.headerLength;
    ip.payloadStart = HEADROOM;
    ip.payloadEnd = HEADROOM + length;
  }

  private findDeadline(): void {
    let earliest = NEVER;
    for (let i = 0; i < this.slots.length; i++) {
      const slot = this.slots[i] as Datagram;
      if (slot.used && slot.deadline < earliest) earliest = slot.deadline;
    }
    this.nextDeadline = earliest;
  }
}

/** RFC 1858 §3, RFC 3128 §2: the TCP header is in the first fragment, whole, and in no other. */
function isTiny(packet: Packet, ip: Ipv4Header, length: number): boolean {
  if (ip.protocol !== PROTOCOL_TCP) return false;
  if (ip.fragmentOffset > 0) return ip.fragmentOffset < TCP_HEADER_LENGTH;
  if (length < TCP_HEADER_LENGTH) return true;
  return (packet.view.getUint8(ip.payloadStart + TCP_DATA_OFFSET) >> 4) * 4 > length;
}

/** Index of the first fragment that ends after `offset`, or `count`. */
function firstEndingAfter(slot: Datagram, offset: number): number {
  let low = 0;
  let high = slot.count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((slot.edges[2 * middle + 1] as number) > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Two ends that differ, or bytes behind the end. */
function contradictsEnd(slot: Datagram, end: number, moreFragments: boolean): boolean {
  if (slot.total >= 0) return !moreFragments || end > slot.total;
  if (moreFragments || slot.count === 0) return false;
  return (slot.edges[2 * slot.count - 1] as number) > end;
}
