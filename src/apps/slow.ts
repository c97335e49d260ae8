/** slow, port 2004: reads a little every now and then. The window shrinks, closes, and opens again. */

import { NetService } from './net-service.ts';
import type { Service, ServiceSocket } from './service.ts';

const READ_EVERY = 250;

/** `rate` in bytes per second. */
export function slow(port = 2004, rate = 8192): Service {
  const portion = Math.max(1, Math.floor((rate * READ_EVERY) / 1000));
  return new NetService({
    name: 'slow',
    port,
    text: `reads ${rate} bytes a second: see the window close`,
    pauseOnConnect: true,
    connection: (socket) => sip(socket, portion),
  });
}

/** Takes up to `portion` bytes at each tick; the stream, and so the window, holds the rest. */
function sip(socket: ServiceSocket, portion: number): void {
  socket.on('readable', () => {});
  const timer = setInterval(() => {
    const waiting = socket.readableLength;
    socket.read(waiting === 0 ? undefined : Math.min(portion, waiting));
  }, READ_EVERY);
  socket.on('end', () => clearInterval(timer));
  socket.on('close', () => clearInterval(timer));
}
