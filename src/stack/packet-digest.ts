/** A packet's bytes as 64 bits: two of the same digest and length are taken for the same. */

import type { Frame } from '../wire/frame.ts';

const FIRST = 0x811c9dc5 | 0;
const SECOND = 0x2545f491;
const FIRST_FACTOR = 0x01000193;
const SECOND_FACTOR = 0x85ebca6b | 0;
/** No packet is longer; a multiple of four. */
const ROOM = 65_536;

export class PacketDigest {
  /** Of the last packet. */
  readonly digest = new Int32Array(2);
  /** Its length. */
  length = 0;
  private readonly bytes = new Uint8Array(ROOM);
  private readonly words = new Int32Array(this.bytes.buffer);

  /** The bytes of the last packet; not for long. */
  get packet(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  of(frame: Frame): void {
    const { bytes } = this;
    bytes.set(frame.header.subarray(0, frame.headerLength));
    let length = frame.headerLength;
    const { payload, payloadStart, payloadLength, wrappedLength } = frame;
    bytes.set(payload.subarray(payloadStart, payloadStart + payloadLength), length);
    length += payloadLength;
    bytes.set(payload.subarray(0, wrappedLength), length);
    length += wrappedLength;
    this.length = length;
    while ((length & 3) !== 0) bytes[length++] = 0;
    this.mix(length >> 2);
  }

  private mix(count: number): void {
    const { words } = this;
    let first = FIRST;
    let second = SECOND ^ this.length;
    for (let i = 0; i < count; i++) {
      const word = words[i] as number;
      first = Math.imul(first ^ word, FIRST_FACTOR);
      second = Math.imul((second << 13) ^ (second >>> 19) ^ word, SECOND_FACTOR);
    }
    this.digest[0] = first;
    this.digest[1] = second ^ (second >>> 15);
  }
}
