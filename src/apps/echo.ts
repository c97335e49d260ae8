/** echo, port 7 (RFC 862): every byte comes back. */

import { NetService } from './net-service.ts';
import type { Service } from './service.ts';

/** After the peer's FIN the rest is echoed and we close at once: three waves instead of four. */
export function echo(port = 7): Service {
  return new NetService({
    name: 'echo',
    port,
    text: 'sends every byte back; closes when you do',
    allowHalfOpen: true,
    connection: (socket) => void socket.pipe(socket),
  });
}
