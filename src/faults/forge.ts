/** Packets that nobody has sent: forged ones, and the reset of a host that knows no connection. */

import { ACK, RST, SYN } from '../wire/segment.ts';
import type { Forgery } from './ast.ts';
import { mutate } from './mutate.ts';
import { completeSums, Sight } from './sight.ts';
import type { ConnectionSight } from './world.ts';

const HEADERS = 40;
const TIMESTAMPS = 12;
const TTL = 64;
const WINDOW = 64_240;

interface Ends {
  readonly source: number;
  readonly sourcePort: number;
  readonly destination: number;
  readonly destinationPort: number;
}

interface Header extends Ends {
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  /** What the timestamps option says, null = no option. */
  readonly tsval: number | null;
}

/** A whole packet with right sums. */
function build(header: Header, data: Uint8Array): Uint8Array {
  const options = header.tsval === null ? 0 : TIMESTAMPS;
  const packet = new Uint8Array(HEADERS + options + data.length);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, packet.length);
  view.setUint16(6, 0x4000);
  view.setUint8(8, TTL);
  view.setUint8(9, 6);
  view.setInt32(12, header.source);
  view.setInt32(16, header.destination);
  view.setUint16(20, header.sourcePort);
  view.setUint16(22, header.destinationPort);
  view.setUint32(24, header.seq);
  view.setUint32(28, header.ack);
  view.setUint8(32, ((20 + options) / 4) << 4);
  view.setUint8(33, header.flags);
  view.setUint16(34, header.window);
  if (header.tsval !== null) {
    view.setUint32(40, 0x0101_080a);
    view.setUint32(44, header.tsval);
  }
  packet.set(data, HEADERS + options);
  completeSums(packet);
  return packet;
}

/** The other way round. */
function back(sight: Sight): Ends {
  return {
    source: sight.destination,
    sourcePort: sight.destinationPort,
    destination: sight.source,
    destinationPort: sight.sourcePort,
  };
}

/** What a host without the connection answers, RFC 9293 §3.10.7.1; null for what earns no answer. */
export function resetFor(sight: Sight): Uint8Array | null {
  if (!sight.tcp || sight.has(RST)) return null;
  const acked = sight.has(ACK);
  return build(
    {
      ...back(sight),
      seq: acked ? sight.ack : 0,
      ack: acked ? 0 : sight.seq + sight.space,
      flags: acked ? RST : RST | ACK,
      window: 0,
      tsval: null,
    },
    new Uint8Array(0),
  );
}

function endsOf(forgery: Forgery, connection: ConnectionSight | null): Ends {
  const { from, to, direction } = forgery;
  if (from !== null && to !== null) {
    return {
      source: from.address,
      sourcePort: from.port,
      destination: to.address,
      destinationPort: to.port,
    };
  }
  const { localAddress, localPort, peerAddress, peerPort } = connection as ConnectionSight;
  const ours = {
    source: localAddress,
    sourcePort: localPort,
    destination: peerAddress,
    destinationPort: peerPort,
  };
  if (direction === 'out') return ours;
  return {
    source: peerAddress,
    sourcePort: peerPort,
    destination: localAddress,
    destinationPort: localPort,
  };
}

/** Header of the segment that an end of the connection would send next, with these flags. */
function nextHeader(forgery: Forgery, connection: ConnectionSight): Header {
  const inbound = forgery.direction === 'in';
  const { sndNxt, rcvNxt, rcvWnd, rcvShift, timestamps, tsRecent } = connection;
  const { flags } = forgery;
  const [next, other] = inbound ? [rcvNxt, sndNxt] : [sndNxt, rcvNxt];
  const stamped = inbound && timestamps && (flags & (RST | SYN)) === 0;
  return {
    ...endsOf(forgery, connection),
    seq: next,
    ack: (flags & ACK) === 0 ? 0 : other,
    flags,
    window: inbound || (flags & SYN) !== 0 ? WINDOW : Math.min(0xffff, rcvWnd >>> rcvShift),
    tsval: stamped ? tsRecent : null,
  };
}

/**
 * The segment that the end in question would send next, with what the forgery says otherwise.
 * `connection` is null only where the forgery names both ends.
 */
export function forge(forgery: Forgery, connection: ConnectionSight | null, data: Uint8Array): Uint8Array {
  const { flags, direction } = forgery;
  const header =
    connection === null
      ? { ...endsOf(forgery, null), seq: 0, ack: 0, flags, window: WINDOW, tsval: null }
      : nextHeader(forgery, connection);
  const packet = build(header, data);
  if (forgery.set.length === 0) return packet;
  const sight = new Sight();
  sight.load(packet, new DataView(packet.buffer), 0, packet.length);
  sight.direction = direction;
  sight.connection = connection;
  mutate(sight, forgery.set);
  return packet;
}
