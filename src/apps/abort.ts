/** abort, port 2006: what SO_LINGER with 0 does. A reset, and no TIME-WAIT on either side. */

import { NetService } from './net-service.ts';
import type { Service } from './service.ts';

export function abort(port = 2006): Service {
  return new NetService({
    name: 'abort',
    port,
    text: 'resets the connection as soon as it is open (SO_LINGER 0): no TIME-WAIT',
    connection: (socket) => void socket.resetAndDestroy(),
  });
}
