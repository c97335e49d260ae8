/** What IP needs of the layer below: the sending half of a device. */

import type { Frame } from '../wire/frame.ts';

export interface Link {
  /** Largest IP packet on the wire, bytes. */
  readonly mtu: number;
  /** Frames with `needsChecksum` are taken. */
  readonly checksumOffload: boolean;
  /** Largest super-packet (IP header included, bytes) that `send` takes; 0 = none above the MTU. */
  readonly segmentationLimit: number;
  /** False after `send` returned false, until the link takes packets again. */
  readonly writable: boolean;
  /** Sends one frame or copies it. Always takes the frame; false = the last for now. */
  send(frame: Frame): boolean;
}
