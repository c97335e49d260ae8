/** The stack's side of `fourwave connect` and `listen`: bytes between a control socket and a connection. */

import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type { NodeStack } from '../../index.ts';
import { DATA_CHUNK, roomIn } from '../control/protocol.ts';
import type { Conversation, Handler } from '../control/server.ts';
import { usage } from '../errors.ts';
import { netFailure } from './net-failure.ts';

/** Connections that wait while `listen` serves another. */
const BACKLOG = 8;

interface Given {
  readonly host?: unknown;
  readonly port?: unknown;
  readonly localPort?: unknown;
  readonly keep?: unknown;
  /** Other workers listen too: they are told when a connection is over. */
  readonly shared?: unknown;
  /** End when the peer has finished, whatever stdin does: a person sits there. */
  readonly interactive?: unknown;
}

export function connectHandler(stack: NodeStack): Handler {
  return async (conversation) => {
    const { host, port, localPort, interactive } = conversation.arguments as Given;
    const peer = `${String(host)}:${String(port)}`;
    refuseOurselves(stack, String(host));
    const socket = stack.net.connect({
      host: String(host),
      port: Number(port),
      allowHalfOpen: true,
      ...(typeof localPort === 'number' ? { localPort } : {}),
    }) as unknown as Duplex;
    const abandon = (): void => void socket.destroy();
    conversation.signal.addEventListener('abort', abandon);
    try {
      await once(socket, 'connect');
    } catch (error) {
      const { code } = error as { code?: string };
      throw netFailure(error, code === 'EADDRINUSE' ? `port ${String(localPort)} toward ${peer}` : peer);
    }
    await conversation.send({ event: { connected: peer } });
    await new Relay(conversation, interactive === true).run(socket, peer);
  };
}

/** Packets to ourselves would leave by the TUN, and no kernel sends back what has its sender's address. */
function refuseOurselves(stack: NodeStack, host: string): void {
  if (stack.addresses.some((own) => own.split('/')[0] === host)) {
    throw usage(`${host} is the stack's own address: connect to it from the other side, with nc ${host}`);
  }
}

export function listenHandler(stack: NodeStack): Handler {
  return async (conversation) => {
    const { port, keep, shared, interactive } = conversation.arguments as Given;
    const waiting: Duplex[] = [];
    let wake: () => void = () => {};
    const server = stack.net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      socket.on('error', () => {});
      if (waiting.length >= BACKLOG) socket.destroy();
      else waiting.push(socket as unknown as Duplex);
      wake();
    });
    server.listen({ port: Number(port), backlog: BACKLOG });
    try {
      await once(server, 'listening');
      const relay = new Relay(conversation, interactive === true);
      do {
        const socket =
          waiting.shift() ?? (await nextOf(waiting, conversation.signal, (resolve) => (wake = resolve)));
        if (socket === undefined) return;
        if (keep !== true) server.close();
        await conversation.send({ event: { accepted: true } }).catch((error: unknown) => {
          socket.destroy();
          throw error;
        });
        await relay.run(socket, 'the peer');
        if (shared === true) await conversation.send({ event: { finished: true } });
      } while (keep === true && !conversation.signal.aborted);
    } catch (error) {
      throw netFailure(error, `port ${String(port)}`);
    } finally {
      server.close();
      for (const socket of waiting) socket.destroy();
    }
  };
}

async function nextOf(
  waiting: Duplex[],
  signal: AbortSignal,
  setWake: (wake: () => void) => void,
): Promise<Duplex | undefined> {
  await new Promise<void>((resolve) => {
    setWake(resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (waiting.length > 0 || signal.aborted) resolve();
  });
  return waiting.shift();
}

/** Both directions of one client. What stdin says goes to the connection that is open then. */
class Relay {
  private readonly conversation: Conversation;
  private readonly interactive: boolean;
  private socket: Duplex | null = null;
  private opened: () => void = () => {};
  private stdinOver: Promise<void> | null = null;
  private finAsked = false;

  constructor(conversation: Conversation, interactive: boolean) {
    this.conversation = conversation;
    this.interactive = interactive;
  }

  /** Until the connection is over. @throws CliError when it failed */
  async run(socket: Duplex, peer: string): Promise<void> {
    const { conversation } = this;
    const abandon = (): void => void socket.destroy();
    conversation.signal.addEventListener('abort', abandon);
    this.socket = socket;
    this.opened();
    if (this.finAsked) socket.end();
    this.stdinOver ??= this.fromClient();
    try {
      const bytes = socket.iterator({ destroyOnReturn: false });
      for await (const chunk of bytes) await this.toClient(chunk as Uint8Array);
      const gone = socket.closed
        ? Promise.resolve()
        : new Promise((resolve) => socket.once('close', resolve));
      if (!this.interactive) await Promise.race([this.stdinOver, gone]);
      socket.end();
      await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 1000).unref())]);
    } catch (error) {
      if (!conversation.signal.aborted) throw netFailure(error, peer);
    } finally {
      this.socket = null;
      conversation.signal.removeEventListener('abort', abandon);
    }
  }

  private async toClient(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += DATA_CHUNK) {
      await this.conversation.send({
        data: Buffer.from(bytes.subarray(at, at + DATA_CHUNK)).toString('base64'),
      });
    }
  }

  /** Never rejects. */
  private async fromClient(): Promise<void> {
    const { incoming } = this.conversation;
    for (;;) {
      const next = await incoming.next().catch(() => null);
      if (next === null || next.done === true) return;
      const { value } = next;
      if (typeof value['data'] === 'string') await this.toPeer(Buffer.from(value['data'], 'base64'));
      if (value['end'] !== true) continue;
      this.finAsked = value['fin'] === true;
      if (this.finAsked) this.socket?.end();
      return;
    }
  }

  private async toPeer(bytes: Uint8Array): Promise<void> {
    while (this.socket === null && !this.conversation.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.opened = resolve;
        this.conversation.signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    const socket = this.socket;
    if (socket === null || !socket.writable || socket.write(bytes)) return;
    await roomIn(socket);
  }
}
