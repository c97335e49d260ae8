/** discard, port 9 (RFC 863), and sink, port 5001: bytes go in and nothing comes out. */

import { NetService } from './net-service.ts';
import type { Service } from './service.ts';

export function discard(port = 9): Service {
  return swallow('discard', port, 'reads everything and answers nothing');
}

/** The receiving end of a speed measurement. */
export function sink(port = 5001): Service {
  return swallow('sink', port, 'reads as fast as it can: measure uploads');
}

function swallow(name: string, port: number, text: string): Service {
  return new NetService({ name, port, text, connection: (socket) => void socket.resume() });
}
