// The services of `npm run bench` on `node:net`'s interface: the kernel's, or the stack's own.

import http from 'node:http';
import { CHUNK, CHURN_ANSWER, Checker, HELLO, PERIOD, PORT } from './service.js';

const BACKLOG = 4096;
/** What `curl` gets. */
const LARGE = 1e9;

const quietly = (socket) => socket.on('error', () => {});

const SERVICES = {
  echo: (socket) => quietly(socket).pipe(socket),
  sink: (socket) => quietly(socket).resume(),
  source(socket) {
    const fill = () => {
      while (socket.writable && socket.write(CHUNK));
    };
    quietly(socket).on('drain', fill).resume();
    fill();
  },
  churn: (socket) => quietly(socket).once('data', () => socket.end(CHURN_ANSWER)),
  checkedSink(socket) {
    const checker = new Checker();
    quietly(socket)
      .on('data', (bytes) => checker.take(bytes))
      .on('end', () => socket.end(`${checker.right}\n`));
  },
};

function large(response) {
  response.writeHead(200, { 'Content-Length': LARGE });
  let left = LARGE;
  const fill = () => {
    while (left > 0) {
      const chunk = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
      left -= chunk.length;
      if (!response.write(chunk)) return;
    }
    response.end();
  };
  response.on('drain', fill);
  fill();
}

function httpServer() {
  const server = http.createServer((request, response) => {
    if (request.url === '/large') return large(response);
    response.writeHead(200, { 'Content-Length': HELLO.length });
    response.end(HELLO);
  });
  server.keepAliveTimeout = 0;
  return server;
}

/** `net` is `node:net` or `stack.net`. Resolves when all services listen. */
export async function serveStreams(net) {
  const listening = Object.entries(SERVICES).map(([name, service]) => {
    const options = { noDelay: true, allowHalfOpen: name === 'checkedSink' };
    const server = net.createServer(options, service);
    return new Promise((resolve) => server.listen({ port: PORT[name], backlog: BACKLOG }, resolve));
  });
  const web = httpServer();
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) =>
    web.emit('connection', socket),
  );
  listening.push(new Promise((resolve) => server.listen({ port: PORT.http, backlog: BACKLOG }, resolve)));
  await Promise.all(listening);
}

/** `PERIOD` divides `CHUNK`, so streams may be cut anywhere between chunks. */
console.assert(CHUNK.length % PERIOD === 0);
