/** A connection of a peer to a stack, made segment by segment. */

import assert from 'node:assert/strict';
import type { Tcb } from '../../src/tcp/tcb.ts';
import { ACK, type Fields, SYN, seqOf, type Wire } from './wire.ts';

export interface Ends {
  source: number;
  sourcePort: number;
  destinationPort: number;
}

/** An established connection as its peer sees it. */
export interface Established {
  readonly ends: Ends;
  readonly tcb: Tcb;
  /** The peer's next sequence number, int32. */
  readonly seq: number;
  /** What the peer has acknowledged, int32. */
  readonly ack: number;
}

/** Opens a connection to a listener whose connections are accepted at once. */
export function open(wire: Wire, ends: Ends, options: Partial<Fields> = {}): Established {
  const isn = 0x12345678;
  const [answer] = wire.ask({ ...ends, ...options, flags: SYN, seq: isn });
  assert.ok(answer !== undefined, 'the SYN was answered');
  const seq = (isn + 1) | 0;
  const ack = (seqOf(answer) + 1) | 0;
  wire.send({ ...ends, ...options, flags: ACK, seq, ack });
  const tcb = wire.accepted.at(-1);
  assert.ok(tcb?.state === 'ESTABLISHED', 'the connection is open');
  wire.take();
  return { ends, tcb, seq, ack };
}
