/** What somebody who captures packets hears of them, at the fault layer between the stack and its device. */

export type TapDirection = 'in' | 'out';

/**
 * Bytes are whole packets with complete sums. The memory is the tap's own in {@link passes} only; elsewhere
 * the same packet is the same object, and rules may change it.
 */
export interface PacketTap {
  /** No rule looks at it: over the wire and to the stack, or from the stack onto the wire. */
  passes(direction: TapDirection, bytes: Uint8Array, gsoSize: number): void;
  /** Off the wire, or from the stack, and before the rules. Fates that follow are this packet's. */
  enters(direction: TapDirection, bytes: Uint8Array): void;
  /** The rules are through with what has entered last. */
  met(): void;
  /** The stack gets it now, or it goes onto the wire now. */
  leaves(direction: TapDirection, bytes: Uint8Array): void;
}
