/**
 * Sends the packets that it reads, one a line in hexadecimal, as they are but for the total length and the header
 * checksum, which are always the kernel's. Says `ok`, or why not, for each. A process of its own, because the socket has
 * to be made inside the namespace.
 */

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

interface RawSocket {
  setOption(level: number, option: number, value: number): void;
  send(
    packet: Buffer,
    offset: number,
    length: number,
    address: string,
    done: (error: Error | null) => void,
  ): void;
}

interface RawSocketPackage {
  createSocket(options: { protocol: number }): RawSocket;
  readonly SocketLevel: { readonly SOL_SOCKET: number };
}

/** IPPROTO_RAW: the header is in what is sent. */
const RAW = 255;
/** Of asm/socket.h; the package does not name it. */
const SO_BROADCAST = 6;

const raw = createRequire(import.meta.url)('raw-socket') as RawSocketPackage;
const socket = raw.createSocket({ protocol: RAW });
socket.setOption(raw.SocketLevel.SOL_SOCKET, SO_BROADCAST, 1);
for await (const line of createInterface({ input: process.stdin })) {
  const packet = Buffer.from(line, 'hex');
  const destination = packet.subarray(16, 20).join('.');
  await new Promise<void>((resolve) => {
    socket.send(packet, 0, packet.length, destination, (error) => {
      process.stdout.write(`${error === null ? 'ok' : error.message}\n`);
      resolve();
    });
  });
}
process.exit(0);
