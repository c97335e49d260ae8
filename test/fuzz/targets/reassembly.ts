/**
 * Fragments, as many as the input has, through `readIpv4Header` into `Reassembly`, beside a plain model:
 * what is delivered is what was sent, whatever overlaps is delivered to nobody (RFC 5722), and the
 * limits hold.
 */

import assert from 'node:assert/strict';
import { Counters } from '../../../src/base/counters.ts';
import { REASON, REASONS } from '../../../src/base/reasons.ts';
import { virtualClock } from '../../../src/base/virtual-clock.ts';
import {
  MAX_DATAGRAMS,
  MAX_DATAGRAMS_PER_SOURCE,
  MAX_FRAGMENTS,
  REASSEMBLY_TIMEOUT,
  Reassembly,
} from '../../../src/ip/fragments.ts';
import { Ipv4Header, readIpv4Header } from '../../../src/wire/ipv4.ts';
import { Packet } from '../../../src/wire/packet.ts';
import { onesSum } from '../../support/segment.ts';
import { ByteReader } from '../support/byte-reader.ts';

const TCP = 6;
const MOST_FRAGMENTS = 400;
const LENGTHS = [8, 16, 24, 64, 520, 1480, 8192, 20, 1, 0, 65_504, 32_760] as const;

interface Piece {
  start: number;
  bytes: Uint8Array;
  more: boolean;
}

/** One datagram in the model. */
interface Kept {
  source: number;
  pieces: Piece[];
  /** The reason for which nothing of it is delivered any more. */
  discarded: string | null;
  deadline: number;
}

interface Fragment extends Piece {
  source: number;
  identification: number;
  protocol: number;
  headerLength: number;
  many: number;
}

/** The bytes of every datagram's payload, and of a contradicting copy. */
const PAYLOADS = [0, 1].map((other) =>
  Uint8Array.from({ length: 2 * 65_536 + 16 }, (_, offset) => (offset * 7 + (offset >> 8) + other) & 0xff),
);

/** A fragment near the ones before it: `next` is where the last one ended. */
function describe(input: ByteReader, next: number): Fragment {
  const who = input.u8();
  const where = input.u8();
  const what = input.u8();
  const from = [next, 0, next - 8, next + 8, input.u8() * 8, 65_480, next - 16, input.u16() & 0xfff8];
  const start = Math.min(0xfff8, Math.max(0, from[where & 7] as number)) & 0xfff8;
  // Many of one datagram, with holes between them: the only way to its limit in a short input.
  const many = (what & 0x80) === 0 ? 1 : 1 + input.u8();
  const length = many > 1 ? 8 : (LENGTHS[(where >> 3) % LENGTHS.length] as number);
  const payload = PAYLOADS[(what & 0x70) === 0x70 ? 1 : 0] as Uint8Array;
  const bytes = payload.slice(start, start + length);
  // The data offset of a TCP header in the first fragment: sound, or the input's.
  if (start === 0 && length > 12) bytes[12] = (what & 8) === 0 ? 0x50 : input.u8();
  return {
    source: (who >> 3) & 3,
    // Sixteen datagrams of one source at a time are not enough to reach the limits.
    identification: (who & 7) === 7 ? input.u8() : who & 7,
    protocol: who >> 5 === 7 ? 17 : who >> 7 === 1 ? TCP : 1,
    start,
    bytes,
    more: many > 1 || (what & 1) === 1,
    many,
    headerLength: (what & 2) === 0 ? 20 : 24 + 4 * ((what >> 2) & 1),
  };
}

function packetOf(fragment: Fragment): Packet | null {
  const { headerLength, bytes } = fragment;
  const length = headerLength + bytes.length;
  if (length > 65_535) return null;
  const memory = new Uint8Array(length);
  const view = new DataView(memory.buffer);
  memory[0] = 0x40 | (headerLength / 4);
  memory.fill(1, 20, headerLength);
  view.setUint16(2, length);
  view.setUint16(4, fragment.identification);
  view.setUint16(6, (fragment.more ? 0x2000 : 0) | (fragment.start / 8));
  memory[8] = 64;
  memory[9] = fragment.protocol;
  view.setInt32(12, 0x0a090010 + fragment.source);
  view.setInt32(16, 0x0a090002);
  view.setUint16(10, ~onesSum(memory.subarray(0, headerLength)) & 0xffff);
  memory.set(bytes, headerLength);
  const packet = new Packet();
  packet.setMemory(memory, view);
  packet.end = length;
  return packet;
}

class Model {
  readonly kept = new Map<string, Kept>();

  /** The reasons that are right for this fragment, and the payload when it completes its datagram. */
  add(fragment: Fragment, now: number): { reasons: string[]; payload: Uint8Array | null } {
    const { start, bytes, more, headerLength, protocol } = fragment;
    const malformed = bytes.length === 0 || (more && bytes.length % 8 !== 0);
    if (malformed || start + bytes.length + headerLength > 65_535) return only('FRAG_MALFORMED');
    const tiny =
      start === 0 ? bytes.length < 20 || ((bytes[12] as number) >> 4) * 4 > bytes.length : start < 20;
    if (protocol === TCP && tiny) return only('FRAG_TINY');
    const key = `${fragment.source} ${fragment.identification} ${protocol}`;
    let datagram = this.kept.get(key);
    if (datagram === undefined) {
      this.evict(fragment.source);
      datagram = {
        source: fragment.source,
        pieces: [],
        discarded: null,
        deadline: now + REASSEMBLY_TIMEOUT,
      };
      this.kept.set(key, datagram);
    }
    return this.place(key, datagram, fragment);
  }

  expire(now: number): void {
    for (const [key, { deadline }] of this.kept) if (deadline <= now) this.kept.delete(key);
  }

  private place(
    key: string,
    datagram: Kept,
    fragment: Fragment,
  ): { reasons: string[]; payload: Uint8Array | null } {
    if (datagram.discarded !== null) return only(datagram.discarded);
    const { pieces } = datagram;
    const same = pieces.find(
      ({ start, bytes }) => start === fragment.start && bytes.length === fragment.bytes.length,
    );
    if (
      same !== undefined &&
      same.more === fragment.more &&
      Buffer.compare(same.bytes, fragment.bytes) === 0
    ) {
      return only('DUP_FRAG');
    }
    const contradicts = contradiction(pieces, fragment);
    if (contradicts || pieces.length === MAX_FRAGMENTS) {
      datagram.discarded = contradicts ? 'FRAG_OVERLAP' : 'FRAG_LIMIT';
      return only(datagram.discarded);
    }
    pieces.push(fragment);
    const total = pieces.find(({ more }) => !more);
    const received = pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (total === undefined || received < endOf(total)) return only('IP_FRAGMENT');
    this.kept.delete(key);
    const payload = new Uint8Array(received);
    for (const piece of pieces) payload.set(piece.bytes, piece.start);
    // The first fragment's header may be longer than the last one's.
    return { reasons: ['ACCEPTED', 'FRAG_MALFORMED'], payload };
  }

  private evict(source: number): void {
    const own = [...this.kept].filter(([, datagram]) => datagram.source === source);
    const over =
      own.length >= MAX_DATAGRAMS_PER_SOURCE ? own : this.kept.size >= MAX_DATAGRAMS ? [...this.kept] : [];
    const [oldest] = over.toSorted(([, a], [, b]) => a.deadline - b.deadline);
    if (oldest !== undefined) this.kept.delete(oldest[0]);
  }
}

/** It shares bytes with another piece, or they do not agree on where the datagram ends. */
function contradiction(pieces: readonly Piece[], fragment: Piece): boolean {
  const end = endOf(fragment);
  if (pieces.some((piece) => piece.start < end && fragment.start < endOf(piece))) return true;
  const last = pieces.find(({ more }) => !more);
  if (last !== undefined && end > endOf(last)) return true;
  return !fragment.more && (last !== undefined || pieces.some((piece) => endOf(piece) > end));
}

function endOf(piece: Piece): number {
  return piece.start + piece.bytes.length;
}

function only(reason: string): { reasons: string[]; payload: null } {
  return { reasons: [reason], payload: null };
}

export function fuzz(data: Uint8Array): void {
  const input = new ByteReader(data);
  const bench = new Bench();
  let next = 0;
  for (let count = 0; count < MOST_FRAGMENTS && !input.done; count++) {
    // One deadline each: which one of two as old leaves is nobody's business.
    bench.pass(input.peek() === 0xff ? 20_000_000 : 1);
    const fragment = describe(input, next);
    for (let i = 0; i < fragment.many; i++) {
      const start = (fragment.start + 16 * i) & 0xfff8;
      bench.take(i === 0 ? fragment : { ...fragment, start });
      next = start + fragment.bytes.length;
    }
  }
  bench.end();
}

/** Reassembly beside its model. */
class Bench {
  private readonly clock = virtualClock(1_000_000);
  private readonly reassembly = new Reassembly(this.clock, new Counters());
  private readonly model = new Model();
  private readonly header = new Ipv4Header();

  pass(microseconds: number): void {
    this.clock.now += microseconds;
    this.reassembly.expire({ reassemblyTimedOut: () => undefined }, this.header);
    this.model.expire(this.clock.now);
  }

  take(fragment: Fragment): void {
    const { header, reassembly, model } = this;
    const packet = packetOf(fragment);
    if (packet === null) return;
    assert.equal(readIpv4Header(packet, header), REASON.ACCEPTED);
    if (!header.moreFragments && header.fragmentOffset === 0) return;
    const reason = REASONS[reassembly.add(packet, header)]?.name as string;
    const { reasons, payload } = model.add(fragment, this.clock.now);
    assert.ok(reasons.includes(reason), `${reason} for a fragment that is ${reasons.join(' or ')}`);
    if (reason === 'ACCEPTED') checkDatagram(reassembly.assembled, header, payload as Uint8Array);
    assert.equal(reassembly.size, model.kept.size, 'datagrams held');
  }

  end(): void {
    this.pass(REASSEMBLY_TIMEOUT);
    assert.equal(this.reassembly.size, 0);
    assert.equal(this.reassembly.nextDeadline, Infinity);
  }
}

function checkDatagram(packet: Packet, header: Ipv4Header, payload: Uint8Array): void {
  const whole = packet.bytes.slice(packet.start, packet.end);
  assert.equal(onesSum(whole.subarray(0, header.headerLength)), 0xffff, 'the header checksum');
  assert.equal(Buffer.compare(whole.subarray(header.headerLength), payload), 0, 'the payload');
  const again = new Ipv4Header();
  assert.equal(readIpv4Header(packet, again), REASON.ACCEPTED, 'the datagram is a packet');
  assert.ok(!again.moreFragments && again.fragmentOffset === 0);
}
