/** The running stack's end of the control socket. */

import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { describe, missing, usage } from '../errors.ts';
import { dial } from './client.ts';
import { encode, MAX_REQUEST, type Message, messages, type Request, roomIn } from './protocol.ts';

/** One client's request being served. */
export interface Conversation {
  readonly arguments: Readonly<Record<string, unknown>>;
  /** What the client says after its request. */
  readonly incoming: AsyncIterator<Record<string, unknown>>;
  /** Aborted when the client is gone or the server closes. */
  readonly signal: AbortSignal;
  /** Resolves when the client has taken enough for more to be sent. */
  send(message: Message): Promise<void>;
}

/** The returned value, if any, becomes the `result`. */
export type Handler = (conversation: Conversation) => unknown;

const MAX_CLIENTS = 64;
/** A client that takes nothing for this long is dropped, ms. */
const SLOW_CLIENT = 30_000;
const FIRST_REQUEST = 10_000;

export class ControlServer {
  readonly path: string;
  private readonly server: Server;
  private readonly handlers: ReadonlyMap<string, Handler>;
  private readonly clients = new Set<Socket>();

  private constructor(path: string, handlers: ReadonlyMap<string, Handler>) {
    this.path = path;
    this.handlers = handlers;
    this.server = createServer({ allowHalfOpen: true }, (socket) => void this.serve(socket));
    this.server.maxConnections = MAX_CLIENTS;
  }

  /** Listens at `path`; a socket there that nobody answers is replaced. @throws CliError when somebody does */
  static async open(path: string, handlers: ReadonlyMap<string, Handler>): Promise<ControlServer> {
    await removeStale(path);
    const control = new ControlServer(path, handlers);
    // Nobody else may connect between bind and chmod.
    const before = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        control.server.once('error', reject);
        control.server.listen(path, resolve);
      });
    } finally {
      process.umask(before);
    }
    chmodSync(path, 0o600);
    control.server.on('error', () => {});
    return control;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const client of this.clients) client.destroy();
    await closed;
  }

  private async serve(socket: Socket): Promise<void> {
    this.clients.add(socket);
    const gone = new AbortController();
    socket.on('error', () => {});
    socket.on('close', () => {
      this.clients.delete(socket);
      gone.abort();
    });
    const timer = setTimeout(() => socket.destroy(), FIRST_REQUEST);
    try {
      const incoming = messages(socket, MAX_REQUEST);
      const first = await incoming.next();
      clearTimeout(timer);
      if (first.done !== true)
        await this.answer(socket, first.value as unknown as Request, { incoming, signal: gone.signal });
    } catch (error) {
      clearTimeout(timer);
      const { exitCode: exit, message } = describe(error);
      if (!socket.destroyed) socket.write(encode({ error: { exit, message } }));
    }
    if (!socket.destroyed) socket.end();
    // A client that does not read the end is not waited for.
    setTimeout(() => socket.destroy(), SLOW_CLIENT).unref();
  }

  private async answer(
    socket: Socket,
    request: Request,
    given: Pick<Conversation, 'incoming' | 'signal'>,
  ): Promise<void> {
    const handler = this.handlers.get(request.command);
    if (handler === undefined)
      throw usage(`the running stack does not know the command ${JSON.stringify(request.command)}`);
    const send = (message: Message): Promise<void> => write(socket, encode(message));
    const result = await handler({ ...given, arguments: request.arguments ?? {}, send });
    if (result !== undefined) await send({ result });
    await send({ done: true });
  }
}

/** Resolves when there is room again; a client that gives none for long is dropped. */
function write(socket: Socket, line: string): Promise<void> {
  if (socket.destroyed) return Promise.reject(missing('the client is gone'));
  if (socket.write(line)) return Promise.resolve();
  const timer = setTimeout(() => socket.destroy(), SLOW_CLIENT);
  return roomIn(socket).then(() => {
    clearTimeout(timer);
    if (socket.destroyed) throw missing('the client is gone');
  });
}

async function removeStale(path: string): Promise<void> {
  try {
    if (!lstatSync(path).isSocket()) throw missing(`${path} exists and is no socket`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const answered = await dial(path);
  if (!(answered instanceof Error)) {
    answered.destroy();
    throw missing(`another stack already answers at ${path}`);
  }
  unlinkSync(path);
}
