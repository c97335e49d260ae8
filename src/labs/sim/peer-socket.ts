/** A plain socket of the simulated K. */

import { type Posix, PosixError } from '../../posix/index.ts';
import { dial, End, listenAt } from '../services/end.ts';
import type { PeerSocket, PeerSocketOptions } from '../stage.ts';
import { encode } from '../text.ts';
import { type Machine, settled } from './program.ts';

export class SimSocket implements PeerSocket {
  readonly name: string;
  received = '';
  bytes = 0;
  private readonly posix: Posix;
  private readonly options: PeerSocketOptions;
  private readonly wake: Machine['wake'];
  private end: End | null = null;
  private listening = -1;
  private failure = '';
  private port = 0;

  constructor(name: string, options: PeerSocketOptions, machine: Machine) {
    this.name = name;
    this.options = options;
    this.posix = machine.posix;
    this.wake = machine.wake;
    const { connect, listen, localPort } = options;
    try {
      if (listen !== undefined) this.listen(listen);
      else {
        const from = localPort === undefined ? {} : { from: { address: machine.address, port: localPort } };
        const to = { address: machine.peer, port: connect ?? 0 };
        this.take(
          dial(this.posix, { to, ...from }, (fd) => this.prepare(fd)),
          false,
        );
      }
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      this.failure = error.code;
    }
  }

  get localPort(): number {
    return this.port;
  }
  get ended(): boolean {
    return this.end?.ended ?? false;
  }
  get error(): string {
    return this.end?.error || this.failure;
  }

  send(text: string | Uint8Array): Promise<void> {
    return settled(() => this.end?.write(encode(text).slice()));
  }
  shutdown(): Promise<void> {
    return settled(() => this.end?.shutdown());
  }
  close(): Promise<void> {
    return settled(() => {
      this.end?.close();
      if (this.listening >= 0) this.posix.close(this.listening);
      this.listening = -1;
    });
  }
  abort(): Promise<void> {
    return settled(() => this.end?.abort());
  }
  pause(): Promise<void> {
    return settled(() => this.end?.pause());
  }
  resume(): Promise<void> {
    return settled(() => this.end?.resume());
  }
  read(bytes: number): Promise<string> {
    return settled(() => {
      const before = this.received.length;
      this.end?.read(bytes);
      return this.received.slice(before);
    });
  }

  /** With its machine. */
  release(): void {
    this.end?.release();
  }

  private listen(port: number): void {
    const options = { address: '0.0.0.0', port, reuseAddr: true, backlog: 8 };
    this.listening = listenAt(this.posix, options, (fd) => {
      if (this.end !== null) this.posix.close(fd);
      else this.take(fd, true);
    });
    this.prepare(this.listening);
  }

  private prepare(fd: number): void {
    const { receiveBuffer, sendBuffer, noDelay, keepAlive } = this.options;
    const set = (name: string, value: number, level = 'SOL_SOCKET'): void =>
      this.posix.setsockopt(fd, level, name, value);
    if (receiveBuffer !== undefined) set('SO_RCVBUF', receiveBuffer);
    if (sendBuffer !== undefined) set('SO_SNDBUF', sendBuffer);
    if (noDelay === true) set('TCP_NODELAY', 1, 'IPPROTO_TCP');
    if (keepAlive === undefined) return;
    set('SO_KEEPALIVE', 1);
    set('TCP_KEEPIDLE', keepAlive.idle, 'IPPROTO_TCP');
    set('TCP_KEEPINTVL', keepAlive.interval, 'IPPROTO_TCP');
    set('TCP_KEEPCNT', keepAlive.count, 'IPPROTO_TCP');
  }

  private take(fd: number, connected: boolean): void {
    this.port = this.posix.getsockname(fd).port;
    const data = (_end: End, bytes: Uint8Array): void => {
      this.bytes += bytes.length;
      if (this.received.length < KEPT) this.received += new TextDecoder().decode(bytes);
    };
    const end = new End(this.posix, fd, { data }, { connected, wake: this.wake });
    this.end = end;
    if (this.options.paused === true) end.pause();
    end.start();
  }
}

const KEPT = 1_048_576;
