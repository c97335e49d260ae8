/** The key by which flows are spread over queues: in the kernel's program and in our own hash. */

import type { Random } from '../base/random.ts';

/** Two words, unsigned. */
export interface SteeringKey {
  readonly low: number;
  readonly high: number;
}

/** A hash takes its key out of a random source: this one holds the key and nothing else. */
export function keyAsRandom(key: SteeringKey): Random {
  return {
    fill(bytes) {
      new Uint32Array(bytes.buffer, bytes.byteOffset, 2).set([key.low, key.high]);
    },
  };
}
