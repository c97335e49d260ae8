/** Looks at every segment that two stacks put on the wire, and at the super-packets that they came from. */

import assert from 'node:assert/strict';
import type { SentPacket } from '../../../src/sim/link.ts';
import {
  readSegment,
  SIM_ACK,
  SIM_CWR,
  SIM_FIN,
  SIM_PSH,
  SIM_RST,
  SIM_SYN,
  splitSuperPacket,
  type WireSegment,
} from '../../../src/sim/packet-reader.ts';

/** One direction of a connection. */
interface Flow {
  iss: number;
  /** MSS that its SYN announced. */
  mss: number;
  /** One past the highest sequence number that was sent (point). */
  end: number;
  /** Highest right edge that it has offered (point); null before its first ACK. */
  edge: number | null;
  scale: number;
}

/** RFC 9293 §3.7.1, MUST-15: without the option. */
const DEFAULT_MSS = 536;
const FIXED_HEADERS = 40;
/** A probe into a closed window: RFC 9293 §3.8.6.1. */
const PROBE = 1;

export class WireWatch {
  superPackets = 0;
  /** Packets whose sum was left to the device. */
  partial = 0;

  private readonly flows = new Map<string, Flow>();
  /** The first breach; not thrown where it is found, because a stack survives what its device throws. */
  breach: unknown = null;

  sent(packet: SentPacket, mtu: number): void {
    try {
      this.look(packet, mtu);
    } catch (error) {
      this.breach ??= error;
    }
  }

  private look({ bytes, gsoSize, needsChecksum }: SentPacket, mtu: number): void {
    if (needsChecksum) this.partial++;
    const whole = readSegment(bytes, needsChecksum);
    if (whole === null) return;
    if (gsoSize === 0) {
      this.segment(whole, mtu);
      return;
    }
    this.superPackets++;
    assert.ok(whole.dataLength > gsoSize, `gso_size ${gsoSize} for ${whole.dataLength} bytes`);
    assert.equal(whole.flags & (SIM_SYN | SIM_RST), 0, 'a super-packet carries data alone');
    const pieces = splitSuperPacket(bytes, gsoSize).map((piece) => readSegment(piece, false) as WireSegment);
    assert.equal(pieces.length, Math.ceil(whole.dataLength / gsoSize));
    pieces.forEach((piece, index) => {
      const last = index === pieces.length - 1;
      assert.equal(piece.seq, (whole.seq + index * gsoSize) >>> 0);
      assert.ok(last || piece.dataLength === gsoSize);
      assert.ok(last || (piece.flags & (SIM_FIN | SIM_PSH)) === 0);
      assert.ok(index === 0 || (piece.flags & SIM_CWR) === 0);
      this.segment(piece, mtu);
    });
  }

  private segment(segment: WireSegment, mtu: number): void {
    const { source, sourcePort, destination, destinationPort } = segment;
    const key = `${source}:${sourcePort}>${destination}:${destinationPort}`;
    const far = this.flows.get(`${destination}:${destinationPort}>${source}:${sourcePort}`);
    if ((segment.flags & SIM_RST) !== 0) return;
    const flow = this.flowOf(key, segment);
    if (flow === undefined) return;
    this.noteEdge(flow, far, segment);
    const length = segment.dataLength + ((segment.flags & SIM_SYN) >> 1) + (segment.flags & SIM_FIN);
    const beyond = (segment.seq - flow.end) | 0;
    assert.ok(beyond <= 0, `a gap of ${beyond} bytes in what was sent`);
    flow.end = (flow.end + Math.max(0, beyond + length)) | 0;
    if (segment.dataLength === 0) return;
    const size = segment.dataStart + segment.dataLength;
    assert.ok(size <= mtu, `${size} bytes at an MTU of ${mtu}`);
    // MUST-16: options come off the MSS.
    const mss = far === undefined || far.mss < 0 ? DEFAULT_MSS : far.mss;
    assert.ok(size - FIXED_HEADERS <= mss, `${size - FIXED_HEADERS} bytes at an MSS of ${mss}`);
    const end = (segment.seq + segment.dataLength) | 0;
    if (far?.edge == null) return;
    assert.ok(((end - far.edge) | 0) <= PROBE, `${(end - far.edge) | 0} bytes beyond the window`);
  }

  /** A SYN with another number begins the connection anew. */
  private flowOf(key: string, segment: WireSegment): Flow | undefined {
    const known = this.flows.get(key);
    if ((segment.flags & SIM_SYN) === 0 || known?.iss === segment.seq) return known;
    const { seq, mss, windowScale } = segment;
    const flow: Flow = { iss: seq, mss, end: seq | 0, edge: null, scale: windowScale };
    this.flows.set(key, flow);
    return flow;
  }

  /** MUST-34 allows what was offered once; RFC 7323 §2.2: the field of a SYN is not scaled. */
  private noteEdge(flow: Flow, far: Flow | undefined, { flags, ack, window }: WireSegment): void {
    if ((flags & SIM_ACK) === 0) return;
    const scaled = (flags & SIM_SYN) === 0 && flow.scale >= 0 && (far?.scale ?? -1) >= 0;
    const edge = (ack + window * 2 ** (scaled ? Math.min(14, flow.scale) : 0)) | 0;
    if (flow.edge === null || ((edge - flow.edge) | 0) > 0) flow.edge = edge;
  }
}
