/** Random bytes one at a time, drawn from the source in blocks. */

import type { Random } from './random.ts';

const BLOCK = 64;

export class Noise {
  private readonly random: Random;
  private readonly bytes = new Uint8Array(BLOCK);
  private used = BLOCK;

  constructor(random: Random) {
    this.random = random;
  }

  /** 0 … 255. */
  byte(): number {
    if (this.used === BLOCK) {
      this.random.fill(this.bytes);
      this.used = 0;
    }
    return this.bytes[this.used++] as number;
  }
}
