/** One packet as rules see it: read once, reused for the next. */

import { type Seq, toSeq } from '../base/seq.ts';
import { completeTcpChecksum } from '../device/complete-checksum.ts';
import type { State } from '../tcp/state.ts';
import { foldChecksum, sumBytes } from '../wire/checksum.ts';
import { ACK, FIN, RST, SYN } from '../wire/segment.ts';
import type { Direction } from './ast.ts';
import type { Track } from './tracks.ts';
import type { ConnectionSight } from './world.ts';

const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);
const PROTOCOL_ICMP = 1;
const PROTOCOL_TCP = 6;
const IP_HEADER = 20;
const TCP_HEADER = 20;

export class Sight {
  direction: Direction = 'in';
  bytes: Uint8Array = NO_BYTES;
  view: DataView = NO_VIEW;
  /** Of the whole packet, bytes; more than `bytes` holds when only its headers are at hand. */
  size = 0;
  icmp = false;
  /** A TCP header that is whole, in no fragment: what follows is of it. */
  tcp = false;
  source = 0;
  destination = 0;
  sourcePort = 0;
  destinationPort = 0;
  seq: Seq = toSeq(0);
  ack: Seq = toSeq(0);
  flags = 0;
  /** As in the header, not scaled. */
  window = 0;
  urgent = 0;
  /** Payload bytes. */
  length = 0;
  /** Where the IP header, the TCP header and the payload start. */
  start = 0;
  transport = 0;
  dataStart = 0;

  /** What is known of its connection; null of what is no TCP. */
  track: Track | null = null;
  /** Our end of the connection; null when we have none. */
  connection: ConnectionSight | null = null;
  /** Of our end; LISTEN and CLOSED where there is no connection. */
  state: State = 'CLOSED';
  /** It repeats sequence numbers that went before. */
  retransmission = false;
  /** µs. */
  now = 0;

  /** Reads the packet, or its headers of `size` bytes in all, at `start`. */
  load(bytes: Uint8Array, view: DataView, start: number, size: number): void {
    this.bytes = bytes;
    this.view = view;
    this.start = start;
    this.size = size;
    this.state = 'CLOSED';
    this.track = null;
    this.connection = null;
    this.retransmission = false;
    this.forget();
    if (size < IP_HEADER || view.getUint8(start) >> 4 !== 4) return;
    this.source = view.getInt32(start + 12);
    this.destination = view.getInt32(start + 16);
    const protocol = view.getUint8(start + 9);
    this.transport = start + (view.getUint8(start) & 0x0f) * 4;
    this.icmp = protocol === PROTOCOL_ICMP;
    const whole = (view.getUint16(start + 6) & 0x3fff) === 0;
    if (protocol === PROTOCOL_TCP && whole && size >= this.transport - start + TCP_HEADER) {
      this.loadSegment(start);
    }
  }

  /** What the last packet had and this one may not. */
  private forget(): void {
    this.tcp = false;
    this.icmp = false;
    this.source = 0;
    this.destination = 0;
    this.sourcePort = 0;
    this.destinationPort = 0;
    this.seq = toSeq(0);
    this.ack = toSeq(0);
    this.flags = 0;
    this.window = 0;
    this.urgent = 0;
    this.length = 0;
    this.transport = 0;
  }

  private loadSegment(start: number): void {
    const { view, transport } = this;
    this.dataStart = transport + (view.getUint8(transport + 12) >> 4) * 4;
    this.length = this.size - (this.dataStart - start);
    if (this.length < 0 || this.dataStart < transport + TCP_HEADER) return;
    this.tcp = true;
    this.sourcePort = view.getUint16(transport);
    this.destinationPort = view.getUint16(transport + 2);
    this.seq = toSeq(view.getInt32(transport + 4));
    this.ack = toSeq(view.getInt32(transport + 8));
    this.flags = view.getUint8(transport + 13);
    this.window = view.getUint16(transport + 14);
    this.urgent = view.getUint16(transport + 18);
  }

  /** Sequence numbers that it takes: its data, and one each for SYN and FIN. */
  get space(): number {
    return this.length + ((this.flags & SYN) >> 1) + (this.flags & FIN);
  }

  has(flags: number): boolean {
    return (this.flags & flags) === flags;
  }

  /** Acknowledges, and nothing else. */
  get isAckOnly(): boolean {
    return (this.flags & (ACK | SYN | FIN | RST)) === ACK && this.length === 0;
  }

  /** Offset of the option of this kind, or -1. */
  option(kind: number): number {
    const { view, dataStart } = this;
    for (let at = this.transport + TCP_HEADER; at < dataStart; ) {
      const here = view.getUint8(at);
      if (here === 0) return -1;
      if (here === 1) {
        at++;
        continue;
      }
      const length = at + 1 < dataStart ? view.getUint8(at + 1) : 0;
      if (length < 2 || at + length > dataStart) return -1;
      if (here === kind) return at;
      at += length;
    }
    return -1;
  }
}

/** All sums of a whole packet with TCP in it, anew. */
export function completeSums(packet: Uint8Array): void {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const header = (view.getUint8(0) & 0x0f) * 4;
  view.setUint16(10, 0);
  view.setUint16(10, foldChecksum(sumBytes(packet, 0, header, 0)));
  completeTcpChecksum(packet);
}
