/** Follows the segments that all hosts of a world send, and knows what each has promised. */

import { SIM_ACK, SIM_RST, SIM_SYN, type WireSegment } from './packet-reader.ts';

/** One direction of a connection. */
interface Flow {
  /** Sequence number of its latest SYN. */
  iss: number;
  /** Window scale that it offered, -1 for none. */
  scale: number;
  /** Right edge of the window that it advertised, as a point; meaningful when `hasEdge`. */
  edge: number;
  hasEdge: boolean;
}

const MAX_SHIFT = 14;
/** Window probes may send one byte beyond the window, RFC 9293 §3.8.6.1. */
const PROBE_BYTES = 1;

export class FlowWatch {
  private readonly flows = new Map<string, Flow>();

  /** One sentence when `segment` breaks a promise that was made on the wire, else null. */
  sent(segment: WireSegment): string | null {
    const key = `${segment.source}:${segment.sourcePort}>${segment.destination}:${segment.destinationPort}`;
    const far = this.flows.get(
      `${segment.destination}:${segment.destinationPort}>${segment.source}:${segment.sourcePort}`,
    );
    const flow = this.synSeen(key, segment);
    if (flow === undefined || (segment.flags & SIM_RST) !== 0) return null;
    return this.edgeComplaint(flow, far, segment) ?? this.sendComplaint(far, segment);
  }

  private synSeen(key: string, segment: WireSegment): Flow | undefined {
    const flow = this.flows.get(key);
    if ((segment.flags & SIM_SYN) === 0) return flow;
    if (flow !== undefined && flow.iss === segment.seq) {
      flow.scale = segment.windowScale;
      return flow;
    }
    const fresh = { iss: segment.seq, scale: segment.windowScale, edge: 0, hasEdge: false };
    this.flows.set(key, fresh);
    return fresh;
  }

  /** "Shrinking the window": RFC 9293 §3.8.6 (SHLD-14); rounding is allowed, RFC 7323 §2.4. */
  private edgeComplaint(flow: Flow, far: Flow | undefined, segment: WireSegment): string | null {
    if ((segment.flags & SIM_ACK) === 0) return null;
    const scaled = (segment.flags & SIM_SYN) === 0 && flow.scale >= 0 && (far?.scale ?? -1) >= 0;
    const shift = scaled ? Math.min(flow.scale, MAX_SHIFT) : 0;
    const edge = (segment.ack + segment.window * 2 ** shift) | 0;
    const moved = (edge - flow.edge) | 0;
    if (!flow.hasEdge || moved > 0) flow.edge = edge;
    // The field of a SYN cannot hold more than 65,535, whatever was offered since (RFC 7323 §2.2).
    const syn = (segment.flags & SIM_SYN) !== 0;
    if (flow.hasEdge && !syn && moved <= -(2 ** shift)) {
      return `took back ${-moved} bytes of its window (shift ${shift}, window ${segment.window})`;
    }
    flow.hasEdge = true;
    return null;
  }

  /** Nothing is sent beyond the peer's window, but for a probe. */
  private sendComplaint(far: Flow | undefined, segment: WireSegment): string | null {
    if (far === undefined || !far.hasEdge || segment.dataLength === 0) return null;
    const beyond = (segment.seq + segment.dataLength - far.edge) | 0;
    return beyond > PROBE_BYTES ? `sent ${beyond} bytes beyond the peer's window` : null;
  }
}
