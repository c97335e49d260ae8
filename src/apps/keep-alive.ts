/** Keep-alive that is quick enough to watch: after 2 s, every 1 s, 3 times. */

import { parseAddress } from '../wire/address.ts';
import type { RawConnection, ServiceSocket, ServiceStack } from './service.ts';

const IDLE_MS = 2000;
const INTERVAL_MS = 1000;
const COUNT = 3;
const MICROSECONDS = 1000;

/** Node's API sets the idle time alone; on our own stack the raw interface sets the rest. */
export function keepAlive(socket: ServiceSocket, stack: ServiceStack | null): void {
  socket.setKeepAlive(true, IDLE_MS);
  if (stack?.tcp === undefined) return;
  const address = parseAddress(socket.remoteAddress ?? '');
  let found: RawConnection | null = null;
  stack.tcp.forEachConnection((connection) => {
    const same = connection.localPort === socket.localPort && connection.peerPort === socket.remotePort;
    if (same && connection.peerAddress === address && connection.state !== 'TIME-WAIT') found = connection;
  });
  if (found === null) return;
  const options = {
    on: true,
    idle: IDLE_MS * MICROSECONDS,
    interval: INTERVAL_MS * MICROSECONDS,
    count: COUNT,
  };
  stack.tcp.setKeepAlive(found, options);
}
