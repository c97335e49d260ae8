/** The running stack's end of the control socket. */

import { chmodSync, existsSync, lstatSync, statSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname, resolve } from 'node:path';
import { CliError, describe, missing, unusable, usage } from '../errors.ts';
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
/** ms. */
const PROBE = 2000;

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
      chmodSync(path, 0o600);
    } catch (error) {
      control.server.close();
      throw explained(path, error as NodeJS.ErrnoException);
    } finally {
      process.umask(before);
    }
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
      if (first.done !== true) {
        await this.answer(socket, first.value as unknown as Request, {
          incoming: readingAhead(incoming, () => gone.abort()),
          signal: gone.signal,
        });
      }
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
    // Whoever was killed while we do not read is found out by writing.
    const probe = setInterval(() => {
      if (!socket.destroyed && !socket.writableNeedDrain) socket.write(encode({ alive: true }));
    }, PROBE);
    try {
      const result = await handler({ ...given, arguments: request.arguments ?? {}, send });
      if (result !== undefined) await send({ result });
      await send({ done: true });
    } finally {
      clearInterval(probe);
    }
  }
}

/**
 * The same, one message ahead of who takes them: a client that is killed while nobody waits for its
 * messages is noticed at once.
 */
function readingAhead<Value>(source: AsyncIterator<Value>, over: () => void): AsyncIterator<Value> {
  const fetch = (): Promise<IteratorResult<Value>> => {
    const next = source.next();
    next.then(({ done }) => done === true && over(), over);
    return next;
  };
  let ahead = fetch();
  return {
    next: () => {
      const present = ahead;
      ahead = fetch();
      return present;
    },
  };
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
    if (!lstatSync(path).isSocket()) {
      throw missing(`${path} exists and is no socket: choose another path with --control`);
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    // Whatever else is wrong with the path, listening says.
    return;
  }
  const answered = await dial(path);
  if (!(answered instanceof Error)) answered.destroy();
  if (!(answered instanceof Error) || answered.code === 'EAGAIN') {
    throw missing(`another stack already answers at ${path}: stop it, or choose another path with --control`);
  }
  try {
    if (answered.code !== 'ECONNREFUSED') throw answered;
    unlinkSync(path);
  } catch (error) {
    const cure = 'remove it if its stack is gone, or choose another path with --control';
    throw unusable(`the control socket ${path} is there already and may not be replaced`, error, cure);
  }
}

/** libuv says EACCES for a folder that is missing too. */
function explained(path: string, error: NodeJS.ErrnoException): CliError {
  const folder = dirname(resolve(path));
  const lacking = !isFolder(folder) && { code: existsSync(folder) ? 'ENOTDIR' : 'ENOENT' };
  return unusable(
    `the control socket ${path} cannot be made`,
    lacking || error,
    'choose another path with --control',
  );
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    // Below a folder that may not be entered.
    return (error as NodeJS.ErrnoException).code === 'EACCES';
  }
}
