/** The two ends of a ladder with one set of socket calls: our stack in this process, and the kernel. */

import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { NodeStack } from '../../../src/index.ts';
import {
  createPosix,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  type Posix,
  PosixError,
  SHUT_WR,
} from '../../../src/posix/index.ts';
import { type Namespace, type Program, STACK } from '../running-stack.ts';

export const KERNEL = '10.9.0.1';
const AGENT = fileURLToPath(new URL('./kernel-agent.py', import.meta.url));
const LARGEST_READ = 65_536;

/** What a call that failed rejects with: `code` is ECONNRESET, EADDRINUSE, … */
export class EndError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

export interface ListenOptions {
  readonly backlog?: number;
  /** SO_REUSEADDR, default true. */
  readonly reuse?: boolean;
}

export interface ConnectOptions {
  /** Own port. */
  readonly from?: number;
  readonly reuse?: boolean;
}

export interface Listening {
  accept(): Promise<Connected>;
  close(): Promise<void>;
}

/** Every call resolves when the socket call has returned. */
export interface Connected {
  send(text: string): Promise<void>;
  /** As many bytes as fit, until all are taken. */
  fill(bytes: number): Promise<void>;
  /** What is there, at least one byte; '' at the end of the stream. */
  receive(most?: number): Promise<string>;
  /** SHUT_WR. */
  shutdown(): Promise<void>;
  close(): Promise<void>;
  /** SO_LINGER of 0 seconds, and close. */
  abort(): Promise<void>;
  /** Level and name as in C. */
  option(level: string, name: string, value: number): Promise<void>;
}

export interface End {
  readonly kind: 'stack' | 'kernel';
  readonly address: string;
  listen(port: number, options?: ListenOptions): Promise<Listening>;
  /** To a port of the other end. */
  connect(port: number, options?: ConnectOptions): Promise<Connected>;
}

/** The kernel's sockets, through a small program in the namespace. */
export class KernelEnd implements End {
  readonly kind = 'kernel';
  readonly address = KERNEL;
  private readonly agent: Program;
  private readonly waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (e: Error) => void }
  >();
  private requests = 0;

  constructor(namespace: Namespace) {
    this.agent = namespace.start('python3', AGENT);
    const { stdout } = this.agent.child;
    if (stdout === null) throw new Error('the agent has no output');
    createInterface({ input: stdout }).on('line', (line) => {
      const { id, ok, error } = JSON.parse(line) as { id: number; ok?: unknown; error?: string };
      const waiter = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) waiter?.resolve(ok);
      else waiter?.reject(new EndError(error));
    });
  }

  call(op: string, request: object): Promise<unknown> {
    const id = ++this.requests;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.agent.type(`${JSON.stringify({ id, op, address: KERNEL, peer: STACK, ...request })}\n`);
    });
  }

  async listen(port: number, options: ListenOptions = {}): Promise<Listening> {
    const socket = await this.call('listen', { port, ...options });
    return {
      accept: async () => this.connected(await this.call('accept', { socket })),
      close: async () => void (await this.call('close', { socket })),
    };
  }

  async connect(port: number, options: ConnectOptions = {}): Promise<Connected> {
    return this.connected(await this.call('connect', { port, ...options }));
  }

  private connected(socket: unknown): Connected {
    const call = (op: string, request: object = {}): Promise<unknown> =>
      this.call(op, { socket, ...request });
    return {
      send: async (text) => void (await call('send', { text })),
      fill: async (bytes) => void (await call('fill', { bytes })),
      receive: async (most = LARGEST_READ) => (await call('receive', { most })) as string,
      shutdown: async () => void (await call('shutdown')),
      close: async () => void (await call('close')),
      abort: async () => void (await call('abort')),
      option: async (level, name, value) => void (await call('option', { level, name, value })),
    };
  }
}

/** Our stack's sockets. */
export class StackEnd implements End {
  readonly kind = 'stack';
  readonly address = STACK;
  readonly posix: Posix;

  constructor(stack: NodeStack) {
    this.posix = createPosix(stack);
  }

  listen(port: number, options: ListenOptions = {}): Promise<Listening> {
    const { posix } = this;
    const fd = posix.socket();
    if (options.reuse !== false) posix.setsockopt(fd, 'SOL_SOCKET', 'SO_REUSEADDR', 1);
    return this.guarded(async () => {
      posix.bind(fd, { address: STACK, port });
      posix.listen(fd, options.backlog ?? 8);
      return {
        accept: () =>
          this.guarded(async () => {
            await this.ready(fd, POLLIN);
            return this.connected(posix.accept(fd).fd);
          }),
        close: async () => posix.close(fd),
      };
    });
  }

  connect(port: number, options: ConnectOptions = {}): Promise<Connected> {
    const { posix } = this;
    const fd = posix.socket();
    if (options.reuse !== false) posix.setsockopt(fd, 'SOL_SOCKET', 'SO_REUSEADDR', 1);
    return this.guarded(async () => {
      if (options.from !== undefined) posix.bind(fd, { address: STACK, port: options.from });
      const peer = { address: KERNEL, port };
      try {
        posix.connect(fd, peer);
      } catch (error) {
        if (!(error instanceof PosixError) || error.code !== 'EINPROGRESS') throw error;
        await this.ready(fd, POLLOUT);
        posix.connect(fd, peer);
      }
      return this.connected(fd);
    });
  }

  /** Until `poll` shows one of `events`, an error or a hang-up. */
  private ready(fd: number, events: number): Promise<void> {
    const wanted = events | POLLERR | POLLHUP;
    if ((this.posix.poll(fd) & wanted) !== 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.posix.onReadiness(fd, (bits) => {
        if ((bits & wanted) === 0) return;
        this.posix.onReadiness(fd, null);
        resolve();
      });
    });
  }

  private async guarded<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw error instanceof PosixError ? new EndError(error.code) : error;
    }
  }

  private connected(fd: number): Connected {
    const { posix } = this;
    const now = (call: () => void): Promise<void> => this.guarded(async () => call());
    const sendAll = async (bytes: Uint8Array): Promise<void> => {
      for (let sent = 0; sent < bytes.length; ) {
        await this.ready(fd, POLLOUT);
        sent += posix.send(fd, bytes.subarray(sent));
      }
    };
    return {
      send: (text) => this.guarded(() => sendAll(Buffer.from(text, 'latin1'))),
      fill: (bytes) => this.guarded(() => sendAll(new Uint8Array(bytes).fill(0x78))),
      receive: (most = LARGEST_READ) =>
        this.guarded(async () => {
          await this.ready(fd, POLLIN);
          const into = Buffer.alloc(most);
          return into.toString('latin1', 0, posix.recv(fd, into));
        }),
      shutdown: () => now(() => posix.shutdown(fd, SHUT_WR)),
      close: () => now(() => posix.close(fd)),
      abort: () =>
        now(() => {
          posix.setsockopt(fd, 'SOL_SOCKET', 'SO_LINGER', { onoff: 1, linger: 0 });
          posix.close(fd);
        }),
      option: (level, name, value) => now(() => posix.setsockopt(fd, level, name, value)),
    };
  }
}
