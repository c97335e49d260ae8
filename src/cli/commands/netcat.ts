/** `fourwave connect` and `listen`: nc through the running stack. */

import { lookup } from 'node:dns/promises';
import type { Socket } from 'node:net';
import type { Command } from 'commander';
import { port } from '../arguments.ts';
import { type ControlOptions, converse, openControl } from '../control/client.ts';
import { DATA_CHUNK, encode, type Request, roomIn } from '../control/protocol.ts';
import { missing } from '../errors.ts';
import { withControl } from './common.ts';

interface ConnectOptions extends ControlOptions {
  /** Of `-N`. */
  readonly N?: boolean;
  readonly sourcePort?: string;
}

export function addNetcat(program: Command): void {
  withControl(program.command('connect'))
    .description('nc through the stack: opens a connection, stdin and stdout are its two directions')
    .argument('<host>', 'an address or a name')
    .argument('<port>', 'its port')
    .option('-N', 'send FIN after the end of stdin')
    .option('-p, --source-port <port>', 'our own port')
    .action(async (host: string, text: string, options: ConnectOptions) => {
      const peerPort = port(text);
      const localPort = options.sourcePort === undefined ? null : port(options.sourcePort, '-p');
      const peer = await resolve(host);
      const request = {
        command: 'connect',
        arguments: { host: peer, port: peerPort, localPort, interactive: interactive() },
      };
      await stream(options, request, options.N === true);
    });
  withControl(program.command('listen'))
    .description('nc -l through the stack: waits for a connection, stdin and stdout are its two directions')
    .argument('<port>', 'the port to listen on')
    .option('-k, --keep', 'wait for another connection after each')
    .action(async (text: string, options: ControlOptions & { keep?: boolean }) => {
      const request = {
        command: 'listen',
        arguments: { port: port(text), keep: options.keep === true, interactive: interactive() },
      };
      await stream(options, request, true);
    });
}

/** A person at the keyboard is not waited for once the peer has finished. */
function interactive(): boolean {
  return process.stdin.isTTY;
}

async function resolve(host: string): Promise<string> {
  try {
    return (await lookup(host, { family: 4 })).address;
  } catch {
    throw missing(`the host ${JSON.stringify(host)} has no IPv4 address`);
  }
}

/** stdin → stack → stdout, until the connection is over. */
async function stream(options: ControlOptions, request: Request, finAfterStdin: boolean): Promise<void> {
  const socket = await openControl(options);
  try {
    const messages = converse(socket, request);
    let sending = false;
    for await (const message of messages) {
      if ('event' in message && !sending) {
        sending = true;
        send(socket, finAfterStdin).catch(() => {});
      }
      if ('data' in message && !process.stdout.write(Buffer.from(message.data, 'base64')))
        await roomIn(process.stdout);
    }
  } finally {
    socket.destroy();
    process.stdin.destroy();
  }
}

/** Rejects when stdin is closed under it, which only the end of everything does. */
async function send(socket: Socket, finAfterStdin: boolean): Promise<void> {
  for await (const chunk of process.stdin) {
    const bytes = chunk as Buffer;
    for (let at = 0; at < bytes.length; at += DATA_CHUNK) {
      const line = encode({ data: bytes.subarray(at, at + DATA_CHUNK).toString('base64') });
      if (!socket.write(line)) await roomIn(socket);
    }
    if (socket.destroyed) return;
  }
  if (!socket.destroyed) socket.write(encode({ end: true, fin: finAfterStdin }));
}
