// Runs inside a namespace and is told what to do by messages: the kernel's sender, and its sink.

import net from 'node:net';
import { SINK_PORT } from './recovery-cells.js';

const CHUNK = Buffer.alloc(1 << 16);

const senders = new Map();

function send({ id, host }) {
  const socket = net.connect(SINK_PORT, host);
  const fill = () => {
    while (socket.writable && socket.write(CHUNK));
  };
  socket
    .on('connect', fill)
    .on('drain', fill)
    .on('error', () => {});
  senders.set(id, socket);
}

function stop({ id }) {
  senders.get(id)?.resetAndDestroy();
  senders.delete(id);
}

process.on('message', (message) => (message.task === 'send' ? send(message) : stop(message)));
process.on('disconnect', () => process.exit(0));
net
  .createServer((socket) => socket.on('error', () => {}).resume())
  .listen(SINK_PORT, () => process.send({ ready: true }));
