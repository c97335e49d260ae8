/** Packets that `copy` and `hold` keep under names. */

import type { Direction } from './ast.ts';

export interface KeptPacket {
  readonly direction: Direction;
  readonly bytes: Uint8Array;
  /** Its number in the event log. */
  readonly segment: number;
  /** Taken from the wire, not copied. */
  readonly held: boolean;
}

/** Under all names together. */
const MAX_KEPT = 1_024;

export class KeptPackets {
  private readonly packets = new Map<string, KeptPacket[]>();
  private count = 0;

  /** False, and nothing kept, when there is no room. */
  keep(name: string, packet: KeptPacket): boolean {
    if (this.count >= MAX_KEPT) return false;
    this.count++;
    const known = this.packets.get(name);
    if (known === undefined) this.packets.set(name, [packet]);
    else known.push(packet);
    return true;
  }

  /** In the order in which they were sent. */
  all(name: string): readonly KeptPacket[] {
    return this.packets.get(name) ?? [];
  }

  /** Gives those back that were taken from the wire, and keeps the copies. */
  takeHeld(name: string): readonly KeptPacket[] {
    const all = this.all(name);
    const held = all.filter((packet) => packet.held);
    const copies = all.filter((packet) => !packet.held);
    this.count -= held.length;
    if (copies.length > 0) this.packets.set(name, copies);
    else this.packets.delete(name);
    return held;
  }
}
