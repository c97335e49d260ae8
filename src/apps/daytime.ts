/** daytime, port 13 (RFC 867): writes a line and closes first, so that TIME-WAIT is ours. */

import { NetService } from './net-service.ts';
import type { Service } from './service.ts';

export function daytime(port = 13, now: () => Date = () => new Date()): Service {
  return new NetService({
    name: 'daytime',
    port,
    text: 'writes the time and closes first: TIME-WAIT stays with the stack',
    connection(socket) {
      // What the peer says is read and thrown away: unread bytes would turn the FIN into a reset.
      socket.resume();
      socket.end(`${now().toUTCString()}\r\n`);
    },
  });
}
