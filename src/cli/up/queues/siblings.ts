/** What makes several stacks one: who owns which flow, and secrets that all have. */

import { createCipheriv } from 'node:crypto';
import type { Exchange } from '../../../device/exchange.ts';
import type { Random } from '../../../index.ts';
import type { Siblings } from '../../../tcp/siblings.ts';
import type { Packet } from '../../../wire/packet.ts';
import type { Steering } from '../../../wire/steering.ts';

/** Bytes of the secret. */
export const SECRET_LENGTH = 32;

/** The same bytes in every worker that has the same secret: AES-256 in counter mode over nothing. */
export function secretsFrom(secret: Uint8Array): Random {
  const stream = createCipheriv('aes-256-ctr', secret, new Uint8Array(16));
  return {
    fill(bytes) {
      bytes.set(stream.update(new Uint8Array(bytes.length)));
    },
  };
}

/** The siblings of one worker's stack. */
export function siblingsOf(
  index: number,
  steering: Steering,
  exchange: Exchange,
  secret: Uint8Array,
): Siblings {
  return {
    index,
    count: steering.queues,
    secrets: secretsFrom(secret),
    owns: (local, peer, localPort, peerPort) => steering.queueOf(local, peer, localPort, peerPort) === index,
    handOver(packet: Packet): void {
      exchange.handOver(packet, steering.queueOfPacket(packet));
    },
  };
}
