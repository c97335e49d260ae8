/** Many peers of one stack, and what must be left when they are gone: nothing. */

import assert from 'node:assert/strict';
import { SeededRandom } from '../../../src/base/random.ts';
import type { ConfigValue } from '../../../src/stack/config.ts';
import type { TcpStats } from '../../../src/tcp/engine.ts';
import { ACK, RST, Wire } from '../../support/wire.ts';
import { type Established, open } from '../../support/wire-connection.ts';

const FIRST_ADDRESS = 0x0a100001;

export function crowdWire(config: Record<string, ConfigValue> = {}): Wire {
  return new Wire({ random: new SeededRandom(1), config });
}

/** The ends of peer `index`: 50,000 ports of an address, then the next address. */
export function endsOf(index: number, destinationPort = 7): Established['ends'] {
  return {
    source: FIRST_ADDRESS + Math.floor(index / 50_000),
    sourcePort: 10_000 + (index % 50_000),
    destinationPort,
  };
}

/** `count` connections to the listener on port 7, accepted at once. */
export function crowd(wire: Wire, count: number, from = 0): Established[] {
  return Array.from({ length: count }, (_, i) => open(wire, endsOf(from + i)));
}

/** What the peer has not sent yet goes; everything from the stack so far is acknowledged. */
export function acknowledge(
  wire: Wire,
  peer: Established,
  fields: { seq?: number; ack?: number } = {},
): void {
  const { ends, seq, ack } = peer;
  wire.send({ ...ends, flags: ACK, seq: fields.seq ?? seq, ack: fields.ack ?? ack });
}

export function reset(wire: Wire, peer: Established, seq = peer.tcb.rcv.nxt): void {
  wire.send({ ...peer.ends, flags: RST, seq });
}

/** Tables, pools and timers of a stack that nobody uses any more; listeners may go on. */
export function assertNothingLeft(wire: Wire): void {
  const left: Partial<TcpStats> = { ...wire.stack.tcp.stats, listeners: 0 };
  assert.deepEqual(left, {
    connections: 0,
    timeWait: 0,
    synReceived: 0,
    orphans: 0,
    flows: 0,
    listeners: 0,
    timers: 0,
    memory: 0,
  });
  assert.equal(wire.stack.nextDeadline(), Infinity, 'no timer is armed');
  assert.equal(wire.stack.guarded, null);
}
