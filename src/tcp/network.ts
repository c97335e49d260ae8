/** What TCP needs of the layer below; the stack plugs IP in. */

import type { Frame } from '../wire/frame.ts';

export interface Network {
  /** Largest IP packet of the interface, bytes. */
  readonly mtu: number;
  /** False: hold back what can wait until the device takes packets again. */
  readonly writable: boolean;
  /** Frames with `needsChecksum` are taken. */
  readonly checksumOffload: boolean;
  /** Largest super-packet, bytes, or 0. */
  readonly segmentationLimit: number;
  /** Sends one frame (phase 4 only); false = the last for now. */
  send(frame: Frame): boolean;
  /** The address of ours to use toward `destination` (int32); 0 = none. */
  sourceFor(destination: number): number;
  /** Unicast, on no forbidden list (MUST-46). */
  isValidDestination(destination: number): boolean;
  /** One of our own addresses. */
  isLocal(address: number): boolean;
}
