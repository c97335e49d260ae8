/** What IP tells whoever watches; null where nobody does. */

import type { Reason } from '../base/reasons.ts';
import type { Packet } from '../wire/packet.ts';

export interface IpTrace {
  /** A received packet ended here. `packet` is reused: copy what you keep. */
  packetDropped(packet: Packet, reason: Reason): void;
}
