/** What setsockopt has stored on one socket, and how it reaches the engine. */

import type { TcpEngine } from '../tcp/engine.ts';
import type { Tcb } from '../tcp/tcb.ts';
import type { TcpConfig } from '../tcp/tcp-config.ts';

const MICROSECONDS_PER_SECOND = 1_000_000;
const MICROSECONDS_PER_MILLISECOND = 1_000;
const IP_PMTUDISC_DONT = 0;
export const IP_PMTUDISC_WANT = 1;

/** SO_LINGER's struct: `linger` in seconds. */
export interface Linger {
  readonly onoff: boolean | number;
  readonly linger: number;
}

/** Values in the units of the socket interface; null = not set, the configuration decides. */
export class SocketOptions {
  reuseAddress = false;
  reusePort = false;
  /** Bytes, before Linux's doubling. */
  sendBuffer: number | null = null;
  receiveBuffer: number | null = null;
  linger: { onoff: number; linger: number } = { onoff: 0, linger: 0 };
  keepAlive: boolean | null = null;
  noDelay: boolean | null = null;
  cork = false;
  /** Bytes. */
  maxSegment: number | null = null;
  /** Seconds. */
  keepIdle: number | null = null;
  keepInterval: number | null = null;
  keepCount: number | null = null;
  /** ms; 0 = off. */
  userTimeout: number | null = null;
  /** FIN-WAIT-2, seconds; -1 = none; 0 = default. */
  linger2 = 0;
  synCount: number | null = null;
  quickAck = true;
  /** Retransmissions of the SYN-ACK, as Linux stores it. */
  deferAccept = 0;
  congestion: 'reno' | 'cubic' | null = null;
  tos: number | null = null;
  ttl: number | null = null;
  mtuDiscover = IP_PMTUDISC_WANT;
  /** Options that are stored and returned, nothing else. */
  readonly stored = new Map<string, number>();

  /** A copy: what an accepted connection inherits. */
  clone(): SocketOptions {
    const copy = new SocketOptions();
    const { stored, ...values } = this;
    Object.assign(copy, values, { linger: { onoff: this.linger.onoff, linger: this.linger.linger } });
    for (const [name, value] of stored) copy.stored.set(name, value);
    return copy;
  }

  /** `base` with this socket's options in their places. */
  configure(base: TcpConfig): TcpConfig {
    return {
      ...base,
      ...this.bufferConfig(base),
      ...this.keepAliveConfig(),
      ...(this.noDelay !== null && { nagle: !this.noDelay }),
      ...(this.maxSegment !== null && this.maxSegment > 0 && { mss: this.maxSegment }),
      ...(this.userTimeout !== null && { userTimeout: this.userTimeout * MICROSECONDS_PER_MILLISECOND }),
      ...(this.linger2 !== 0 && { finWait2: this.finWait2() }),
      ...(this.synCount !== null && { retriesSyn: this.synCount }),
      ...(this.congestion !== null && { congestion: this.congestion }),
      ...(this.tos !== null && { tos: this.tos }),
      ...(this.ttl !== null && { ttl: this.ttl }),
      ...(this.mtuDiscover === IP_PMTUDISC_DONT && { pmtud: 'off' as const }),
    };
  }

  /** Brings an open connection up to these options. */
  apply(engine: TcpEngine, tcb: Tcb): void {
    if (this.noDelay !== null) engine.setNoDelay(tcb, this.noDelay);
    if (this.cork) engine.setCork(tcb, true);
    this.applyKeepAlive(engine, tcb);
    if (this.userTimeout !== null)
      engine.setUserTimeout(tcb, this.userTimeout * MICROSECONDS_PER_MILLISECOND);
    if (this.tos !== null) engine.setTos(tcb, this.tos);
    if (this.ttl !== null) engine.setTtl(tcb, this.ttl);
    if (!this.quickAck) engine.adjust(tcb, { quickAcks: 0 });
    this.applyBuffers(engine, tcb);
    if (this.linger2 !== 0) engine.adjust(tcb, { finWait2: this.finWait2() });
  }

  applyKeepAlive(engine: TcpEngine, tcb: Tcb): void {
    const config = tcb.config;
    const idle = this.keepIdle === null ? config.keepAliveIdle : this.keepIdle * MICROSECONDS_PER_SECOND;
    const interval =
      this.keepInterval === null ? config.keepAliveInterval : this.keepInterval * MICROSECONDS_PER_SECOND;
    const count = this.keepCount ?? config.keepAliveCount;
    engine.setKeepAlive(tcb, { on: this.keepAlive ?? config.keepAlive, idle, interval, count });
  }

  applyBuffers(engine: TcpEngine, tcb: Tcb): void {
    if (this.receiveBuffer === null && this.sendBuffer === null) return;
    engine.setBuffers(tcb, this.receiveBuffer ?? 0, this.sendBuffer ?? 0);
  }

  /** FIN-WAIT-2 without a reader, µs. */
  private finWait2(): number {
    return this.linger2 < 0 ? 0 : this.linger2 * MICROSECONDS_PER_SECOND;
  }

  private keepAliveConfig(): Partial<TcpConfig> {
    return {
      ...(this.keepAlive !== null && { keepAlive: this.keepAlive }),
      ...(this.keepIdle !== null && { keepAliveIdle: this.keepIdle * MICROSECONDS_PER_SECOND }),
      ...(this.keepInterval !== null && { keepAliveInterval: this.keepInterval * MICROSECONDS_PER_SECOND }),
      ...(this.keepCount !== null && { keepAliveCount: this.keepCount }),
    };
  }

  private bufferConfig(base: TcpConfig): Partial<TcpConfig> {
    const receive = this.receiveBuffer;
    const send = this.sendBuffer;
    return {
      ...(receive !== null && {
        bufferReceiveMin: Math.min(base.bufferReceiveMin, receive),
        bufferReceiveStart: receive,
        bufferReceiveMax: receive,
      }),
      ...(send !== null && {
        bufferSendMin: Math.min(base.bufferSendMin, send),
        bufferSendStart: send,
        bufferSendMax: send,
      }),
    };
  }
}

/** Seconds of TCP_DEFER_ACCEPT as a count of SYN-ACK retransmissions, as Linux stores it. */
export function secondsToRetransmissions(seconds: number): number {
  if (seconds <= 0) return 0;
  let count = 1;
  for (let step = 1, sum = 1; seconds > sum && count < 255; count++) {
    step = Math.min(2 * step, 120);
    sum += step;
  }
  return count;
}

/** The seconds that `count` retransmissions take. */
export function retransmissionsToSeconds(count: number): number {
  let sum = 0;
  for (let i = 0, step = 1; i < count; i++, step = Math.min(2 * step, 120)) sum += step;
  return sum;
}
