/** ka, port 2005: an echo that finds out about peers which vanished. RFC 9293 §3.8.4. */

import { keepAlive } from './keep-alive.ts';
import { NetService } from './net-service.ts';
import type { Service } from './service.ts';

export function ka(port = 2005): Service {
  return new NetService({
    name: 'ka',
    port,
    text: 'echo with keep-alive after 2 s, every 1 s, 3 times: unplug the peer and wait',
    allowHalfOpen: true,
    connection(socket, stack) {
      keepAlive(socket, stack);
      socket.pipe(socket);
    },
  });
}
