/** Received bytes where they lie: `bytes[start … end)`. The reader's own, pointed anew by each `borrow`. */

const NO_BYTES = new Uint8Array(0);

export class ReceivedPiece {
  /** The stack's memory, or the device's: to be read within the bounds only, and never written. */
  bytes: Uint8Array = NO_BYTES;
  start = 0;
  end = 0;
}
