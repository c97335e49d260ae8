/** A connection over a device that takes super-packets. */

import type { Application } from '../../support/application.ts';
import { type Sent, type Testbed, testbed } from '../../support/peer.ts';
import type { TcpOptions } from '../../support/segment.ts';

export const MSS = 1460;

interface Setting extends TcpOptions {
  wnd?: number;
  config?: Record<string, string>;
}

/** Of the handshake, and of what answers without being late; ms. */
export const ROUND_TRIP = 40;

/** An established connection over a device with super-packets, slow start still in its first window. */
export function opened({ config = {}, wnd = 65_535, ...agreed }: Setting = {}): {
  bed: Testbed;
  app: Application;
} {
  const bed = testbed({ offload: 'tso4', config: { pmtud: 'rfc1191', tlp: 'off', ...config } });
  const { peer } = bed;
  peer.window = wnd;
  peer.timestamps = agreed.timestamps !== undefined;
  bed.listen(7);
  peer.send({ flags: 'S', options: { mss: MSS, ...agreed } });
  bed.advance(ROUND_TRIP);
  peer.send({ flags: 'A' });
  peer.sent();
  bed.frames.length = 0;
  return { bed, app: bed.accepted[0] as Application };
}

export const segments = (sent: readonly Sent[]): [number, number][] =>
  sent.map(({ seq, length }) => [seq, length]);

/** `count` full segments from `seq` on. */
export function full(seq: number, count: number, size = MSS): [number, number][] {
  return Array.from({ length: count }, (_, index) => [seq + index * size, size]);
}
