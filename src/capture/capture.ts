/**
 * A capture of everything at the fault layer: what crossed the wire, what a rule has lost, what nobody
 * has sent; each packet with what the event log says of it. The log's events and the packets come in
 * one order, so a packet's own are those between it and the next.
 */

import type { LogEvent } from '../trace/log-event.ts';
import type { PacketTap, TapDirection } from '../trace/packet-tap.ts';
import { parseAddress } from '../wire/address.ts';
import { Remarks } from './comments.ts';
import { enhancedPacket, interfaceDescription, nameResolution, sectionHeader } from './pcapng.ts';

const WIRE = 0;
const DROPPED = 1;
const INJECTED = 2;
const PROTOCOL_OFFSET = 9;
const PROTOCOL_TCP = 6;
/** What happens because of a segment, a call or a timer. */
const CONSEQUENCES: ReadonlySet<string> = new Set([
  'conn:state',
  'conn:closed',
  'timer:set',
  'timer:cancel',
  'timer:fire',
]);
/** What waits for its reader at most: packets, and bytes of them. */
const MAX_PENDING = 8_192;
const MAX_PENDING_BYTES = 32 * 1024 * 1024;
/** Sent or held packets that are remembered for when they go on. */
const MAX_REMEMBERED = 1_024;

/**
 * Whose packets: all that were on the `wire`, the lost ones apart; or those that the `stack` has sent, lost or
 * not, and got; or those that the `peer` has.
 */
export const VANTAGES = ['wire', 'stack', 'peer'] as const;
export type Vantage = (typeof VANTAGES)[number];

export interface CaptureOptions {
  /** µs of the clock that events have. */
  readonly now: () => number;
  /** Nanoseconds since 1970 at which that clock stood at 0. */
  readonly epoch: bigint;
  /** What wrote it, e.g. `fourwave 0.1.0`. */
  readonly application: string;
  /** Of the whole capture. */
  readonly comment: string;
  /** Of the interface that packets crossed, e.g. `fw0`. */
  readonly wire: string;
  /** Addresses and their names. */
  readonly names: readonly (readonly [string, string])[];
  /** Default: `wire`. */
  readonly vantage?: Vantage;
}

/** One packet that waits for its comments. */
interface Pending {
  interface: number;
  time: bigint;
  readonly bytes: Uint8Array;
  readonly out: boolean;
  readonly remarks: Remarks;
}

export class Capture implements PacketTap {
  /** Called at the first packet after {@link settle}, which is to be called when the turn is over. */
  onPacket: (() => void) | null = null;

  private readonly options: CaptureOptions;
  private readonly vantage: Vantage;
  private pending: Pending[] = [];
  private pendingBytes = 0;
  /** The first of them that {@link settle} has not seen. */
  private settled = 0;
  private quiet = true;
  private missing = 0;
  /** By number of the event of its arrival. */
  private readonly byCause = new Map<number, Pending>();
  /** What was sent in this turn, by the number of the event behind it. */
  private readonly sentFor = new Map<number, Remarks>();
  /** By number of the segment. */
  private readonly bySegment = new Map<number, Remarks>();
  /** Packets that rules still have in their hands. */
  private readonly inHand = new WeakMap<Uint8Array, Pending>();
  /** Has just come and TCP has not seen it. */
  private arriving: Pending | null = null;
  /** Meets the rules now. */
  private meeting: Pending | null = null;
  /** The fate of the packet that leaves next and that has not entered. */
  private forged: LogEvent | null = null;
  /** Of the segment that TCP has just sent. */
  private sending: Remarks | null = null;
  /** What happened for no packet that came: a timer, a call. By connection, for its next segment. */
  private readonly loose = new Map<string, LogEvent[]>();

  constructor(options: CaptureOptions) {
    this.options = options;
    this.vantage = options.vantage ?? 'wire';
  }

  /** What a file begins with. */
  get header(): Uint8Array {
    const { application, comment, wire, names } = this.options;
    const known = names.flatMap(([address, name]) => {
      const value = parseAddress(address);
      if (value === null) return [];
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setInt32(0, value);
      return [[bytes, name] as const];
    });
    return concat([
      sectionHeader(application, comment),
      interfaceDescription(wire, 'what crossed the wire'),
      interfaceDescription('fault:dropped', 'lost by a fault rule'),
      interfaceDescription('fault:injected', 'made by a fault rule, sent by nobody'),
      ...(known.length === 0 ? [] : [nameResolution(known)]),
    ]);
  }

  /** The turn is over: what happens now is about other packets. */
  settle(): void {
    this.settled = this.pending.length;
    this.quiet = true;
    this.byCause.clear();
    this.sentFor.clear();
    this.loose.clear();
    this.arriving = null;
    this.sending = null;
  }

  /** The blocks of the next packets whose turn is over, at most `limit` of them; empty when there are none. */
  take(limit: number): Uint8Array {
    const packets = this.pending.splice(0, Math.min(limit, this.settled));
    this.settled -= packets.length;
    const blocks = packets.map((packet, index) => {
      this.pendingBytes -= packet.bytes.length;
      return enhancedPacket({
        interface: packet.interface,
        time: packet.time,
        bytes: packet.bytes,
        out: packet.out,
        lost: packet.interface === DROPPED,
        comments: packet.remarks.list,
        missing: index === 0 ? this.missing : 0,
      });
    });
    if (packets.length > 0) this.missing = 0;
    return concat(blocks);
  }

  // ── PacketTap ──────────────────────────────────────────────────────────────────────────────────

  passes(direction: TapDirection, bytes: Uint8Array, gsoSize: number): void {
    const out = direction === 'out';
    const packet = this.make(WIRE, bytes, out, out ? this.remarksFor(bytes) : null);
    if (gsoSize > 0) packet.remarks.note(`a super-packet: segments of ${gsoSize} bytes`);
    this.show(packet);
    if (!out) this.arriving = packet;
  }

  enters(direction: TapDirection, bytes: Uint8Array): void {
    const out = direction === 'out';
    // The pieces of a super-packet have fates of their own.
    const remarks = out ? (this.remarksFor(bytes)?.twin() ?? null) : null;
    const packet = this.make(WIRE, bytes.slice(), out, remarks);
    this.inHand.set(bytes, packet);
    this.meeting = packet;
    // What comes has crossed the wire already; what goes does so when the rules let it.
    if (out === (this.vantage === 'stack')) this.show(packet);
  }

  met(): void {
    this.meeting = null;
  }

  leaves(direction: TapDirection, bytes: Uint8Array): void {
    const known = this.inHand.get(bytes) ?? null;
    this.inHand.delete(bytes);
    const out = direction === 'out';
    if (known !== null && !out) {
      this.arriving = known;
      if (this.vantage === 'stack') this.show(known, this.now);
      return;
    }
    const { forged } = this;
    this.forged = null;
    const packet = this.make(forged === null ? WIRE : INJECTED, bytes.slice(), out, known?.remarks ?? null);
    if (forged !== null) packet.remarks.add(forged);
    else if (known === null) packet.remarks.note('a copy made by a rule');
    if (this.isSeenLeaving(out)) this.show(packet);
    if (!out) this.arriving = packet;
  }

  /** What rules let go, or have made, is seen where it arrives. */
  private isSeenLeaving(out: boolean): boolean {
    return this.vantage === 'wire' || out === (this.vantage === 'peer');
  }

  // ── The event log ──────────────────────────────────────────────────────────────────────────────

  event(event: LogEvent): void {
    switch (event.ev) {
      case 'seg:received':
        this.received(event);
        break;
      case 'seg:judged':
        if (event.seg !== undefined) this.bySegment.get(event.seg)?.add(event);
        break;
      case 'seg:sent':
        this.sent(event);
        break;
      case 'wire:fate':
        this.fate(event);
        break;
      case 'ip:dropped':
        this.arriving?.remarks.add(event);
        break;
      default:
        if (CONSEQUENCES.has(event.ev)) this.consequence(event);
    }
  }

  private received(event: LogEvent): void {
    const { arriving } = this;
    this.arriving = null;
    if (arriving === null) return;
    arriving.remarks.add(event);
    this.byCause.set(event.n, arriving);
    this.remember(event.seg, arriving.remarks);
  }

  private sent(event: LogEvent): void {
    const remarks = new Remarks();
    remarks.add(event);
    for (const earlier of this.loose.get(event.conn ?? '') ?? []) remarks.add(earlier);
    this.loose.delete(event.conn ?? '');
    this.sending = remarks;
    if (event.cause !== undefined) this.sentFor.set(event.cause, remarks);
    this.remember(event.seg, remarks);
  }

  private remarksFor(bytes: Uint8Array): Remarks | null {
    return bytes[PROTOCOL_OFFSET] === PROTOCOL_TCP ? this.sending : null;
  }

  private fate(event: LogEvent): void {
    const { fate } = event.data;
    if (fate === 'injected') {
      this.forged = event;
      return;
    }
    const { meeting } = this;
    if (meeting === null) {
      if (event.seg !== undefined) this.bySegment.get(event.seg)?.add(event);
      return;
    }
    meeting.remarks.add(event);
    this.remember(event.seg, meeting.remarks);
    // Who has sent it does not know.
    if ((fate !== 'dropped' && fate !== 'reset') || this.vantage !== 'wire') return;
    meeting.interface = DROPPED;
    if (meeting.out) this.show(meeting);
  }

  private consequence(event: LogEvent): void {
    const { cause } = event;
    const remarks =
      cause === undefined ? undefined : (this.byCause.get(cause)?.remarks ?? this.sentFor.get(cause));
    if (remarks !== undefined) {
      remarks.add(event);
      return;
    }
    const key = event.conn ?? '';
    const events = this.loose.get(key);
    if (events === undefined) this.loose.set(key, [event]);
    else if (events.length < MAX_REMEMBERED) events.push(event);
  }

  // ── Packets ────────────────────────────────────────────────────────────────────────────────────

  private make(place: number, bytes: Uint8Array, out: boolean, remarks: Remarks | null): Pending {
    return { interface: place, time: this.now, bytes, out, remarks: remarks ?? new Remarks() };
  }

  private get now(): bigint {
    const { now, epoch } = this.options;
    return epoch + BigInt(Math.round(now() * 1000));
  }

  private show(packet: Pending, time = packet.time): void {
    packet.time = time;
    if (this.quiet) {
      this.quiet = false;
      this.onPacket?.();
    }
    const { length } = packet.bytes;
    if (this.pending.length >= MAX_PENDING || this.pendingBytes + length > MAX_PENDING_BYTES) {
      this.missing++;
      return;
    }
    this.pending.push(packet);
    this.pendingBytes += length;
  }

  private remember(segment: number | undefined, remarks: Remarks): void {
    if (segment === undefined) return;
    const { bySegment } = this;
    bySegment.set(segment, remarks);
    if (bySegment.size <= MAX_REMEMBERED) return;
    for (const oldest of bySegment.keys()) {
      bySegment.delete(oldest);
      break;
    }
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
