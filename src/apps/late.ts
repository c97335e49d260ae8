/** late, port 2001: answers only after the peer has finished. The true four waves. */

import { setTimeout as sleep } from 'node:timers/promises';
import { NetService } from './net-service.ts';
import type { Service, ServiceSocket } from './service.ts';

/** `wait` in ms: how long CLOSE-WAIT lasts. */
export function late(port = 2001, wait = 1000): Service {
  return new NetService({
    name: 'late',
    port,
    text: 'when you have finished, waits a second, writes three lines and closes: four waves',
    allowHalfOpen: true,
    connection(socket) {
      let received = 0;
      socket.on('data', (chunk: Uint8Array) => {
        received += chunk.length;
      });
      socket.on('end', () => void answer(socket, received, wait));
    },
  });
}

async function answer(socket: ServiceSocket, received: number, wait: number): Promise<void> {
  await sleep(wait);
  if (socket.destroyed) return;
  socket.write(`I have your FIN and ${received} bytes before it.\n`);
  socket.write('You can send no more; I still can.\n');
  socket.end('Now I close too.\n');
}
