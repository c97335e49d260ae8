/**
 * Where a lab is played: S is our stack at 10.9.0.2, K the kernel at 10.9.0.1 with its programs. There
 * are two stages, `sim` (K is our stack with the profile `linux`, time is virtual) and `real` (a network
 * namespace, a TUN, real programs), and one script for both.
 */

import type { ConfigValue } from '../stack/config.ts';
import type { ConnectionRecord } from '../stack/connection-record.ts';
import type { LogEvent } from '../trace/log-event.ts';
import type { Flavour, StackOptions, Text } from './lab.ts';

export type StageMode = 'sim' | 'real';

export const STACK_ADDRESS = '10.9.0.2';
export const KERNEL_ADDRESS = '10.9.0.1';

/** How a program ended. */
export interface Exit {
  /** Null: by a signal. */
  readonly code: number | null;
  /** `SIGINT`; null: by itself. */
  readonly signal: string | null;
}

/** A program on a terminal of K, or of S's own (`fourwave connect`). All text is UTF-8. */
export interface Program {
  /** `nc#1`: kind, and the how-manieth program of the act. */
  readonly name: string;
  /** What a person would have typed. */
  readonly command: string;
  /** Types a line and Enter. */
  type(line: string): Promise<void>;
  /** Types text as it is, without Enter. */
  write(text: string): Promise<void>;
  /** Ctrl-D: end of input. */
  eof(): Promise<void>;
  /** Ctrl-C. */
  interrupt(): Promise<void>;
  /** kill -9: its sockets are closed by the system. */
  kill(): Promise<void>;
  /** Ctrl-Z, kill -STOP: it neither reads nor writes any more, TCP goes on. */
  stop(): Promise<void>;
  /** fg, kill -CONT. */
  cont(): Promise<void>;
  /** What it has printed (the first MiB) and how many bytes that was. */
  readonly printed: string;
  readonly bytes: number;
  /** What it has said on its standard error, as far as the stage knows: compare loosely. */
  readonly errors: string;
  /** Null while it runs. */
  readonly exit: Exit | null;
  /** Resolves when it has printed that. @throws StageError after `timeout` ms (default 5,000) */
  saw(what: string | RegExp, timeout?: number): Promise<void>;
  /** Resolves when it has ended. @throws StageError after `timeout` ms (default 5,000) */
  exited(timeout?: number): Promise<Exit>;
}

export interface NcOptions {
  /** Whose behaviour, or which real program. Default `nc.openbsd`. */
  readonly flavour?: Exclude<Flavour, 'curl' | 'fourwave'>;
  /** `-N`: the end of input becomes a FIN. Others than `nc.openbsd` do so anyway, or never. */
  readonly N?: boolean;
  /** `-l`: listens on the port (at K) instead of connecting to S. */
  readonly listen?: boolean;
  /** `-k`, with `listen`: goes on listening. */
  readonly keep?: boolean;
  /** `-p`. */
  readonly localPort?: number;
  /** `-w`: seconds after which it gives up connecting, or an idle connection. */
  readonly wait?: number;
  /** `-v`. */
  readonly verbose?: boolean;
  /** Input from a pipe instead of a terminal: this, and then its end. '' is `</dev/null`. */
  readonly input?: string | Uint8Array;
}

/** A plain socket of K, for what nc cannot do: the few lines of Python that the pages show. */
export interface PeerSocket {
  readonly name: string;
  readonly localPort: number;
  send(text: string | Uint8Array): Promise<void>;
  /** shutdown(SHUT_WR). */
  shutdown(): Promise<void>;
  /** close(2), both directions: what arrives after it meets nobody; unread bytes make it a RST. */
  close(): Promise<void>;
  /** SO_LINGER 0 and close: a RST. */
  abort(): Promise<void>;
  /** It reads at once whatever comes, unless it is paused. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Reads so many bytes of what waits, while it is paused. */
  read(bytes: number): Promise<string>;
  readonly received: string;
  readonly bytes: number;
  /** The peer's FIN was read. */
  readonly ended: boolean;
  /** `ECONNRESET`; '' while all is well. */
  readonly error: string;
}

export interface PeerSocketOptions {
  /** Connects to this port of S. */
  readonly connect?: number;
  /** Or listens on this port of K: the socket is the first connection that comes. */
  readonly listen?: number;
  readonly localPort?: number;
  /** SO_RCVBUF and SO_SNDBUF, bytes. */
  readonly receiveBuffer?: number;
  readonly sendBuffer?: number;
  readonly noDelay?: boolean;
  /** Does not read until it is told to. */
  readonly paused?: boolean;
  /** SO_KEEPALIVE with TCP_KEEPIDLE, KEEPINTVL (seconds) and KEEPCNT. */
  readonly keepAlive?: { readonly idle: number; readonly interval: number; readonly count: number };
}

/** How a service of S behaves in a lab. Each takes what it understands. */
export interface ServiceOptions {
  /** false: it is not started. */
  readonly start?: boolean;
  /** SO_REUSEADDR on its listener. Default true. */
  readonly reuseAddr?: boolean;
  readonly backlog?: number;
  /** ms between the peer's end and its own: `late` (1,000), `echo` (0), `http`. */
  readonly think?: number;
  /** Bytes a second that `slow` reads. 0: none until it is told. */
  readonly rate?: number;
  /** `leaky` closes after all. */
  readonly fixed?: boolean;
  /** ms between two pings of `heartbeat`. */
  readonly interval?: number;
  /** Of `ka`, ms, ms, count. */
  readonly keepAlive?: { readonly idle: number; readonly interval: number; readonly count: number };
  /** TCP_NODELAY. */
  readonly noDelay?: boolean;
}

/** A service of S. */
export interface ServiceControl {
  stop(): Promise<void>;
  /** @throws StageError whose `code` is `EADDRINUSE` where a TIME-WAIT is in the way */
  start(options?: ServiceOptions): Promise<void>;
  /** Connections that it was given by accept(), ever. */
  readonly accepted: number;
  /** Bytes that it has read, ever. */
  readonly received: string;
}

/** The application's end of one of S's connections, named as in the log: `c1`. */
export interface AppControl {
  close(): Promise<void>;
  /** RST. */
  abort(): Promise<void>;
  shutdown(): Promise<void>;
  write(text: string | Uint8Array): Promise<void>;
  /** Stops reading. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Reads so many bytes, while it is paused. */
  read(bytes: number): Promise<void>;
}

/** A socket of K as `ss -tano` shows it. */
export interface KernelSocket {
  /** As RFC 9293 spells it: `FIN-WAIT-2`. */
  readonly state: string;
  /** `10.9.0.1:40000`. */
  readonly local: string;
  readonly peer: string;
  readonly recvQ: number;
  readonly sendQ: number;
  /** In the words of the log (`rto`, `time-wait`, `persist`, `keepalive`); null: none. */
  readonly timer: { readonly name: string; readonly remainingMs: number; readonly count: number } | null;
}

export interface UntilOptions {
  /** ms; virtual in `sim`. Default 10,000. */
  readonly timeout?: number;
  /** Only events above this number: see {@link Stage.mark}. Default: from the act's beginning. */
  readonly since?: number;
}

export interface ConnectOptions {
  readonly localPort?: number;
  /** The end of input becomes a FIN. Default true. */
  readonly N?: boolean;
  readonly input?: string | Uint8Array;
}

/** What cannot be done, or did not happen in time. */
export class StageError extends Error {
  override readonly name = 'StageError';
  /** `EADDRINUSE`, `TIMEOUT`, … */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface Stage {
  readonly mode: StageMode;

  // ── K's programs ───────────────────────────────────────────────────────────────────────────────
  /** `nc 10.9.0.2 PORT`. Resolves when it runs: connected or not yet. */
  nc(port: number, options?: NcOptions): Promise<Program>;
  /** `curl ARGS`, as a person writes them; `-s` is added. */
  curl(...args: readonly string[]): Promise<Program>;
  socket(options: PeerSocketOptions): Promise<PeerSocket>;
  /** Programs that are there: all of them in `sim`. */
  readonly flavours: readonly Flavour[];
  /** K's sockets, listeners left out. */
  kernelSockets(): Promise<readonly KernelSocket[]>;
  /** Sysctls, from now on. */
  kernel(settings: Readonly<Record<string, number | string>>): Promise<void>;

  // ── S ──────────────────────────────────────────────────────────────────────────────────────────
  /** `fourwave connect`: S opens actively, to a port of K. */
  connect(port: number, options?: ConnectOptions): Promise<Program>;
  /** A service by its name: `daytime`. */
  service(name: string): ServiceControl;
  /** The application on `c1`; without a name, that of the newest connection. */
  app(conn?: string): AppControl;
  /** What `fourwave ss --json` prints: listeners left out. */
  connections(): Promise<readonly ConnectionRecord[]>;
  /** Options of S, for connections opened later. */
  configure(options: Readonly<Record<string, ConfigValue>>): Promise<void>;

  // ── Between them ───────────────────────────────────────────────────────────────────────────────
  /** Adds a line of the fault language. */
  fault(rule: string): Promise<void>;
  /** Removes all rules. What they hold goes on. */
  clearFaults(): Promise<void>;
  /** `release NAME`. */
  release(name: string): Promise<void>;
  /** `inject NAME`: what was copied or held is sent (again). */
  inject(name: string): Promise<void>;
  /** A forged segment, as `fourwave inject` takes it: `rst seq+10 on c1`. */
  forge(segment: string): Promise<void>;
  /** Nothing gets through any more, either way. */
  cutCable(): Promise<void>;
  mendCable(): Promise<void>;
  /** K forgets all its connections without a word, and its programs are gone. Its cable stays in. */
  rebootKernel(): Promise<void>;
  /** Our stack's process is killed and started again: it forgets everything, TIME-WAIT too. */
  restartStack(options?: StackOptions): Promise<void>;

  // ── Time and the log ───────────────────────────────────────────────────────────────────────────
  /** ms; virtual in `sim`. */
  wait(ms: number): Promise<void>;
  /**
   * Resolves with the last event of a pattern (in the language of `expect`) or the event that a
   * function says yes to. @throws StageError `TIMEOUT`
   */
  until(what: string | ((event: LogEvent) => boolean), options?: UntilOptions): Promise<LogEvent>;
  /** The number of the newest event. */
  mark(): number;
  /** All events of the act so far. */
  readonly log: readonly LogEvent[];
  /** Seconds since the log's reference time. */
  readonly now: number;

  // ── For the checks ─────────────────────────────────────────────────────────────────────────────
  /** A sentence that heads what comes next in the ladder. */
  step(text: Text): void;
  /** Keeps a value under a name for `check`. */
  keep(name: string, value: unknown): void;
  /** A check in the middle of the script. */
  check(text: Text, ok: boolean, detail?: string): void;
}
