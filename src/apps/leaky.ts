/** leaky, port 2002: the classic bug, a server that never closes. CLOSE-WAIT for ever. */

import { NetService } from './net-service.ts';
import type { Service } from './service.ts';

export function leaky(port = 2002): Service {
  return new NetService({
    name: 'leaky',
    port,
    text: 'never closes: CLOSE-WAIT stays until the stack stops',
    allowHalfOpen: true,
    connection: (socket) => void socket.resume(),
  });
}
