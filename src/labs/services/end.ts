/** One end of a connection for the little programs of the labs: a queue to write, callbacks to read. */

import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  type Posix,
  PosixError,
  SHUT_WR,
  SIOCINQ,
  type SocketAddress,
} from '../../posix/index.ts';

/** What a program does when something happens. All of it is called from inside a turn. */
export interface EndHandler {
  /** The handshake is done. */
  connected?(end: End): void;
  /** Bytes were read, for the handler to keep. */
  data?(end: End, bytes: Uint8Array): void;
  /** The peer's FIN was read. */
  ended?(end: End): void;
  /** Something waits to be read while this end is paused. */
  waiting?(end: End): void;
  /** The connection is over with this error: `ECONNRESET`. */
  failed?(end: End, code: string): void;
  /** There is room to write again. */
  writable?(end: End): void;
}

export interface EndOptions {
  /** The handshake is done already: it was accepted. */
  readonly connected: boolean;
  /** A program of its own: it hears of things a little later, and by then its kernel has answered. */
  readonly wake?: (run: () => void) => void;
}

const CHUNK = 65_536;
const NO_LINGER = { onoff: 1, linger: 0 };

export class End {
  readonly fd: number;
  /** The peer's FIN was read. */
  ended = false;
  connected = false;
  /** Why it failed; '' while it has not. */
  error = '';
  /** The descriptor was given back. */
  closed = false;
  private readonly posix: Posix;
  private readonly handler: EndHandler;
  private readonly queue: Uint8Array[] = [];
  private paused = false;
  private waking = false;
  private after: 'nothing' | 'shutdown' | 'close' = 'nothing';

  constructor(posix: Posix, fd: number, handler: EndHandler, { connected, wake }: EndOptions) {
    this.posix = posix;
    this.fd = fd;
    this.handler = handler;
    this.connected = connected;
    posix.onReadiness(fd, (bits) => {
      if (wake === undefined) this.ready(bits);
      else this.wakeBy(wake);
    });
  }

  /** Looks at once at what is there already. Call it when the handler is ready. */
  start(): void {
    if (!this.closed) this.ready(this.posix.poll(this.fd));
  }

  /** Id of the connection in S's log: 1 for `c1`; 0 when there is none. */
  get connection(): number {
    return this.closed ? 0 : (this.posix.connection(this.fd)?.id ?? 0);
  }

  /** Bytes that wait in the program for room in the socket. */
  get queued(): number {
    return this.queue.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  write(bytes: Uint8Array): void {
    if (this.closed || bytes.length === 0) return;
    this.queue.push(bytes);
    this.flush();
  }

  /** The FIN goes out behind what is queued; reading goes on. */
  shutdown(): void {
    if (this.after === 'nothing') this.after = 'shutdown';
    this.flush();
  }

  /** close(2), when what is queued has gone into the socket. */
  close(): void {
    this.after = 'close';
    if (this.error !== '') this.release();
    else this.flush();
  }

  /** close(2) at once, what is queued is forgotten: as when a process is killed. */
  release(): void {
    if (this.closed) return;
    this.closed = true;
    this.queue.length = 0;
    this.posix.onReadiness(this.fd, null);
    this.posix.close(this.fd);
  }

  /** SO_LINGER with 0 seconds, and close: a reset. */
  abort(): void {
    if (this.closed) return;
    this.posix.setsockopt(this.fd, 'SOL_SOCKET', 'SO_LINGER', NO_LINGER);
    this.release();
  }

  /** Reads nothing more, the peer's FIN neither. */
  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.start();
  }

  /** Reads up to `bytes` of what waits, also while it is paused. */
  read(bytes: number): number {
    let left = bytes;
    while (left > 0 && !this.closed) {
      const length = this.receive(Math.min(left, CHUNK));
      if (length <= 0) break;
      left -= length;
    }
    return bytes - left;
  }

  private wakeBy(wake: (run: () => void) => void): void {
    if (this.waking) return;
    this.waking = true;
    wake(() => {
      this.waking = false;
      this.start();
    });
  }

  private ready(bits: number): void {
    if (!this.closed && !this.connected) this.opening(bits);
    if (this.closed || !this.connected) return;
    if (!this.paused) this.drain(bits);
    else if ((bits & POLLIN) !== 0) this.handler.waiting?.(this);
    this.flush();
    const room = this.queue.length === 0 && (bits & POLLOUT) !== 0;
    if (room && this.usable) this.handler.writable?.(this);
  }

  private opening(bits: number): void {
    if ((bits & (POLLERR | POLLHUP)) !== 0) this.fail(this.takeError() || 'ECONNREFUSED');
    else if ((bits & POLLOUT) !== 0) {
      this.connected = true;
      this.handler.connected?.(this);
    }
  }

  private get usable(): boolean {
    return !this.closed && this.connected && this.error === '';
  }

  private takeError(): string {
    const code = this.posix.getsockopt(this.fd, 'SOL_SOCKET', 'SO_ERROR');
    return typeof code === 'string' ? code : nameOf(Number(code));
  }

  private drain(bits: number): void {
    if ((bits & (POLLIN | POLLERR)) === 0) return;
    while (!this.paused && !this.closed && this.receive(CHUNK) > 0);
  }

  /** Bytes read; 0 at the end, -1 when nothing waits. */
  private receive(most: number): number {
    if (this.ended || this.error !== '') return 0;
    let length: number;
    const room = Math.max(1, Math.min(most, this.posix.ioctl(this.fd, SIOCINQ)));
    const bytes = new Uint8Array(room);
    try {
      length = this.posix.recv(this.fd, bytes);
    } catch (error) {
      return this.trouble(error);
    }
    if (length === 0) {
      this.ended = true;
      this.handler.ended?.(this);
      return 0;
    }
    this.handler.data?.(this, bytes.subarray(0, length));
    return length;
  }

  private flush(): void {
    if (!this.usable) return;
    try {
      while (this.queue.length > 0 && !this.closed) this.sendFirst();
    } catch (error) {
      this.trouble(error);
      return;
    }
    if (this.queue.length === 0) this.finish();
  }

  private sendFirst(): void {
    const first = this.queue[0] as Uint8Array;
    const sent = this.posix.send(this.fd, first);
    if (sent < first.length) this.queue[0] = first.subarray(sent);
    else this.queue.shift();
  }

  private finish(): void {
    const { after } = this;
    if (after === 'close') this.release();
    if (after !== 'shutdown') return;
    this.after = 'nothing';
    this.posix.shutdown(this.fd, SHUT_WR);
  }

  private trouble(error: unknown): number {
    if (!(error instanceof PosixError)) throw error;
    if (error.code === 'EAGAIN' || error.code === 'ENOTCONN') return -1;
    this.fail(error.code);
    return -1;
  }

  private fail(code: string): void {
    if (this.error !== '') return;
    this.error = code;
    this.handler.failed?.(this, code);
    if (this.after === 'close') this.release();
  }
}

const NAMES: Readonly<Record<number, string>> = {
  104: 'ECONNRESET',
  110: 'ETIMEDOUT',
  111: 'ECONNREFUSED',
  113: 'EHOSTUNREACH',
  101: 'ENETUNREACH',
};
const nameOf = (errno: number): string => NAMES[errno] ?? (errno === 0 ? '' : `errno ${errno}`);

export interface ListenOptions {
  readonly address: string;
  readonly port: number;
  readonly reuseAddr: boolean;
  readonly backlog: number;
}

/** Listens; null for `accepted` never accepts. Returns the descriptor. @throws PosixError */
export function listenAt(
  posix: Posix,
  options: ListenOptions,
  accepted: ((fd: number) => void) | null,
): number {
  const fd = posix.socket();
  try {
    posix.setsockopt(fd, 'SOL_SOCKET', 'SO_REUSEADDR', options.reuseAddr ? 1 : 0);
    posix.bind(fd, { address: options.address, port: options.port });
    posix.listen(fd, options.backlog);
  } catch (error) {
    posix.close(fd);
    throw error;
  }
  if (accepted !== null) {
    const take = (): void => {
      for (let one = acceptOne(posix, fd); one >= 0; one = acceptOne(posix, fd)) accepted(one);
    };
    posix.onReadiness(fd, take);
    take();
  }
  return fd;
}

function acceptOne(posix: Posix, listening: number): number {
  try {
    return posix.accept(listening).fd;
  } catch (error) {
    if (error instanceof PosixError) return -1;
    throw error;
  }
}

export interface DialOptions {
  readonly to: SocketAddress;
  readonly from?: SocketAddress;
}

/** A socket that connects; the SYN is on its way when this returns. @throws PosixError */
export function dial(posix: Posix, { to, from }: DialOptions, prepare?: (fd: number) => void): number {
  const fd = posix.socket();
  try {
    if (from !== undefined) posix.bind(fd, from);
    prepare?.(fd);
    posix.connect(fd, to);
  } catch (error) {
    if (error instanceof PosixError && error.code === 'EINPROGRESS') return fd;
    posix.close(fd);
    throw error;
  }
  return fd;
}
