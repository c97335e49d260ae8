/** chargen, port 19 (RFC 864), and source, port 5002: bytes without end, as fast as the peer reads. */

import { NetService } from './net-service.ts';
import type { Service, ServiceSocket } from './service.ts';

const LINE_LENGTH = 72;
const FIRST_PRINTABLE = 0x20;
const PRINTABLES = 95;

/** RFC 864's pattern: 72 printable characters a line, each line begins one character later. */
export const CHARGEN_CYCLE: Uint8Array = chargenCycle();

/** The bytes of `source` repeat with this period: position `n` holds `n % 251`. */
export const SOURCE_PERIOD = 251;
const SOURCE_CHUNK: Uint8Array = Uint8Array.from(
  { length: SOURCE_PERIOD * 256 },
  (_, index) => index % SOURCE_PERIOD,
);

export function chargen(port = 19): Service {
  return flood('chargen', port, 'writes printable lines without end: see the window fill up', CHARGEN_CYCLE);
}

/** The sending end of a speed measurement. */
export function source(port = 5002): Service {
  return flood('source', port, 'writes as fast as you read: measure downloads', SOURCE_CHUNK);
}

/** Goes on when the peer has only finished sending; ends when the connection does. */
function flood(name: string, port: number, text: string, chunk: Uint8Array): Service {
  return new NetService({
    name,
    port,
    text,
    allowHalfOpen: true,
    connection(socket) {
      socket.resume();
      pump(socket, chunk);
      socket.on('drain', () => pump(socket, chunk));
    },
  });
}

/** Writes until the stream is full; `drain` brings us back. */
function pump(socket: ServiceSocket, chunk: Uint8Array): void {
  while (socket.writable && socket.write(chunk));
}

function chargenCycle(): Uint8Array {
  const bytes: number[] = [];
  for (let line = 0; line < PRINTABLES; line++) {
    for (let column = 0; column < LINE_LENGTH; column++) {
      bytes.push(FIRST_PRINTABLE + ((line + column) % PRINTABLES));
    }
    bytes.push(0x0d, 0x0a);
  }
  return Uint8Array.from(bytes);
}
