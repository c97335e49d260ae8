/**
 * heartbeat, port 2007: TCP's keep-alive says that the peer's kernel lives; only an answer from the
 * application says that the application does.
 */

import { keepAlive } from './keep-alive.ts';
import { NetService } from './net-service.ts';
import type { Service, ServiceSocket } from './service.ts';

const GREETING = `I say "ping" every 2 s; any line from you is an answer. After 3 without one I close.
Try: while sleep 1; do echo pong; done | nc 10.9.0.2 2007   and stop that nc with kill -STOP.
`;

/** `interval` in ms; `limit` pings without an answer end the connection. */
export function heartbeat(port = 2007, interval = 2000, limit = 3): Service {
  return new NetService({
    name: 'heartbeat',
    port,
    text: 'ping every 2 s; closes after 3 without an answer, while keep-alive is still answered',
    connection(socket, stack) {
      keepAlive(socket, stack);
      socket.write(GREETING);
      beat(socket, interval, limit);
    },
  });
}

function beat(socket: ServiceSocket, interval: number, limit: number): void {
  let unanswered = 0;
  const timer = setInterval(() => {
    if (unanswered === limit) {
      clearInterval(timer);
      socket.end(`no answer to ${limit} pings: closing\n`);
      return;
    }
    unanswered++;
    socket.write('ping\n');
  }, interval);
  socket.on('data', () => {
    unanswered = 0;
  });
  socket.on('end', () => clearInterval(timer));
  socket.on('close', () => clearInterval(timer));
}
