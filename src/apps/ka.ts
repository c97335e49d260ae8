/** ka, port 2005: an echo that finds out about peers which vanished. RFC 9293 §3.8.4. */

import { NetService } from './net-service.ts';
import type { Service } from './service.ts';

/** Idle time and interval in ms: quick enough to watch. */
export const KA_IDLE = 2000;
export const KA_INTERVAL = 1000;
export const KA_COUNT = 3;

export function ka(port = 2005): Service {
  return new NetService({
    name: 'ka',
    port,
    text: 'echo with keep-alive after 2 s, every 1 s, 3 times: unplug the peer and wait',
    allowHalfOpen: true,
    connection(socket) {
      socket.setKeepAlive(true, KA_IDLE, KA_INTERVAL, KA_COUNT);
      socket.pipe(socket);
    },
  });
}
