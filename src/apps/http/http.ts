/** http, port 80: pages that are good for looking at TCP, over Node's own HTTP server. */

import { createServer, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { NetService } from '../net-service.ts';
import type { Service, ServiceStack } from '../service.ts';
import { answer, type HttpSite } from './routes.ts';

export interface HttpOptions {
  readonly port?: number;
  /** Directory of static files; null: none. */
  readonly www?: string | null;
}

/** A connection without any traffic is given up after this long, ms. */
const IDLE_TIMEOUT = 120_000;

export function http(options: HttpOptions = {}): Service {
  const { port = 80, www = null } = options;
  const site: { -readonly [Field in keyof HttpSite]: HttpSite[Field] } = { www, stack: null };
  const server = httpServer(site);
  return new NetService({
    name: 'http',
    port,
    text: 'curl it: /, /big?kb=N, /close, /slow, /chunked, PUT /upload',
    allowHalfOpen: true,
    connection(socket, stack: ServiceStack | null) {
      site.stack = stack;
      server.emit('connection', socket as Duplex);
    },
  });
}

function httpServer(site: HttpSite): Server {
  const server = createServer((request, response) => void answer(request, response, site));
  server.timeout = IDLE_TIMEOUT;
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => refuse(error, socket));
  // Not in Node's types: a client that has finished sending still gets its answer (`nc -N`).
  (server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
  return server;
}

function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
}
