/** Segments, windows and buffers in the world. */

import type { ConnectionDraft } from './draft.ts';
import { keep, type Steps } from './step.ts';
import { FLIGHT, HITS } from './types.ts';

/** Relative numbers do not wrap in a log: they count on. */
function isBeyond(one: number, other: number): boolean {
  return one > other;
}

/** Takes out of the list what is acknowledged. */
function acknowledged(connection: ConnectionDraft, una: number): void {
  const { inFlight } = connection;
  let done = 0;
  while (done < inFlight.length && (inFlight[done] as { end: number }).end <= una) done++;
  if (done > 0) inFlight.splice(0, done);
}

/** The segment that was sent last with this number: its place in the list, -1 when it is not there. */
function placeOf(connection: ConnectionDraft, seg: number): number {
  return connection.inFlight.findLastIndex((flight) => flight.seg === seg);
}

export const SEGMENT_STEPS: Steps = {
  'seg:sent': (connection, { t, n, seg }, data) => {
    const { sent } = connection;
    sent.segs += data.segs;
    sent.bytes += data.len;
    // As the stack counts: of a SYN,ACK its timer does.
    if (data.retransmission && data.trigger !== 'syn-ack') sent.retransmitted += data.segs;
    connection.lastSentAt = t;
    if (data.end === data.seq || data.flags.includes('RST')) return;
    const { seq, end } = data;
    const { snd } = connection;
    if (snd !== null && isBeyond(end, snd.nxt)) connection.snd = { ...snd, nxt: end, max: end };
    if (data.retransmission) {
      const place = connection.inFlight.findIndex((flight) => flight.end > seq);
      const first = connection.inFlight[place];
      if (first !== undefined && isBeyond(end, first.seq)) {
        // The part that went again is a segment of its own now; it stands where the data does.
        const again = {
          seg: seg ?? 0,
          n,
          t,
          seq: first.seq,
          end: first.end,
          copies: first.copies + 1,
          fate: null,
        };
        connection.inFlight[place] = again;
        return;
      }
    }
    keep(connection.inFlight, { seg: seg ?? 0, n, t, seq, end, copies: 1, fate: null }, FLIGHT);
  },
  'seg:received': (connection, { t }, data) => {
    const { isn } = connection;
    // Of an active OPEN the peer's number comes with its SYN.
    if (isn?.peer === null && data.flags.includes('SYN')) connection.isn = { ...isn, peer: data.raw.seq };
    connection.received.segs += data.segs;
    connection.received.bytes += data.len;
    connection.lastReceivedAt = t;
  },
  'seg:run': (connection, { t }, data) => {
    const { sent, received } = connection;
    sent.segs += data.sent.segs;
    sent.bytes += data.sent.bytes;
    sent.retransmitted += data.sent.retransmitted;
    received.segs += data.received.segs;
    received.bytes += data.received.bytes;
    if (data.sent.segs > 0) connection.lastSentAt = t;
    if (data.received.segs > 0) connection.lastReceivedAt = t;
  },
  'wire:fate': (connection, { t, n, seg }, data) => {
    const { dir, fate, by, rule } = data;
    keep(connection.faults, { n, t, seg: seg ?? 0, dir, fate, by, rule }, HITS);
    if (dir === 'in' || seg === undefined) return;
    const place = placeOf(connection, seg);
    const flight = connection.inFlight[place];
    if (flight !== undefined) connection.inFlight[place] = { ...flight, fate };
  },
  'snd:window': (connection, _event, data) => {
    connection.snd = data;
    acknowledged(connection, data.una);
  },
  'rcv:window': (connection, _event, data) => {
    connection.rcv = data;
  },
  'buf:snd': (connection, _event, data) => {
    connection.buffers = { ...connection.buffers, snd: data };
  },
  'buf:rcv': (connection, _event, data) => {
    connection.buffers = { ...connection.buffers, rcv: data };
  },
  'buf:ooo': (connection, _event, { ranges }) => {
    connection.buffers = { ...connection.buffers, ooo: ranges as [number, number][] };
  },
  'sack:board': (connection, _event, { sacked, lost }) => {
    connection.sack = { sacked: sacked as [number, number][], lost: lost as [number, number][] };
  },
};
