/** Stacks that share our addresses, each with the flows that belong to it: the workers of several queues. */

import type { Random } from '../base/random.ts';
import type { Packet } from '../wire/packet.ts';

export interface Siblings {
  /** Our number among them, from 0. */
  readonly index: number;
  readonly count: number;
  /** The same bytes for all: where the keys come from that any of them must know. */
  readonly secrets: Random;
  /** Whether a flow is ours; addresses are int32. */
  owns(localAddress: number, peerAddress: number, localPort: number, peerPort: number): boolean;
  /** A whole packet of a flow that is another's: it is the owner's to answer. */
  handOver(packet: Packet): void;
}
