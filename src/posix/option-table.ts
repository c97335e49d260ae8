/** getsockopt and setsockopt: one entry per option, by Linux's level and name. */

import type { TcpEngine } from '../tcp/engine.ts';
import {
  AF_INET,
  IP_OPTIONS,
  IPPROTO_TCP,
  LEVELS,
  SOCK_STREAM,
  SOCKET_OPTIONS,
  SOL_IP,
  SOL_SOCKET,
  SOL_TCP,
  SOMAXCONN,
  TCP_OPTIONS,
} from './constants.ts';
import { ERRNO, fail } from './errno.ts';
import { type Linger, retransmissionsToSeconds, secondsToRetransmissions } from './options.ts';
import type { PosixSocket } from './socket.ts';
import { segmentSize, type TcpInfo, tcpInfo } from './tcp-info.ts';

export type OptionValue = number | string | boolean | Linger | TcpInfo;

interface Context {
  readonly socket: PosixSocket;
  readonly engine: TcpEngine;
}

interface Option {
  get(context: Context): OptionValue;
  /** Absent: reading only, ENOPROTOOPT. */
  set?(context: Context, value: number, given: OptionValue): void;
}

const SYSCALL = 'setsockopt';
/** Halves of SOCK_MIN_RCVBUF and SOCK_MIN_SNDBUF. */
const MIN_RECEIVE_BUFFER = 1152;
const MIN_SEND_BUFFER = 2304;
const MAX_KEEPALIVE_SECONDS = 32_767;
const MAX_COUNT = 127;
const MIN_MSS = 88;
const MAX_MSS = 32_767;
const DEFAULT_MSS = 536;
/** TCP_FIN_TIMEOUT_MAX. */
const MAX_LINGER2 = 120;
const DEFAULT_TTL = 64;
const SECOND = 1_000_000;
const ECN_MASK = 3;
const MAX_PMTUDISC = 5;

function within(value: number, low: number, high: number): number {
  return value >= low && value <= high ? value : fail('EINVAL', SYSCALL);
}

/** An option that is kept and told, and has no effect. */
function stored(name: string, initial: number): Option {
  return {
    get: ({ socket }) => socket.options.stored.get(name) ?? initial,
    set: ({ socket }, value) => socket.options.stored.set(name, value),
  };
}

function constant(value: number): Option {
  return { get: () => value };
}

function toLinger(given: OptionValue): { onoff: number; linger: number } {
  if (typeof given !== 'object' || !('onoff' in given)) return fail('EINVAL', SYSCALL);
  return { onoff: given.onoff ? 1 : 0, linger: given.linger };
}

const socketOptions: Record<string, Option> = {
  SO_REUSEADDR: {
    get: ({ socket }) => Number(socket.options.reuseAddress),
    set: ({ socket, engine }, value) => {
      socket.options.reuseAddress = value !== 0;
      const reuseAddress = value !== 0;
      if (socket.tcb !== null) engine.adjust(socket.tcb, { reuseAddress });
      if (socket.listener !== null) engine.adjustListener(socket.listener, { reuseAddress });
    },
  },
  SO_REUSEPORT: {
    get: ({ socket }) => Number(socket.options.reusePort),
    set: ({ socket }, value) => {
      socket.options.reusePort = value !== 0;
    },
  },
  SO_TYPE: constant(SOCK_STREAM),
  SO_DOMAIN: constant(AF_INET),
  SO_PROTOCOL: constant(IPPROTO_TCP),
  SO_ACCEPTCONN: { get: ({ socket }) => Number(socket.listener !== null) },
  SO_ERROR: {
    get: ({ socket }) => {
      const error = socket.takeError();
      return error === null ? 0 : ERRNO[error];
    },
  },
  SO_SNDBUF: {
    get: ({ socket, engine }) => {
      const set = socket.options.sendBuffer;
      return set === null ? (socket.tcb?.limits.send ?? engine.config.bufferSendStart) : 2 * set;
    },
    set: ({ socket, engine }, value) => {
      const limit = engine.config.bufferSendMax;
      socket.options.sendBuffer = Math.max(MIN_SEND_BUFFER, Math.min(value, limit));
      if (socket.tcb !== null) socket.options.applyBuffers(engine, socket.tcb);
    },
  },
  SO_RCVBUF: {
    get: ({ socket, engine }) => {
      const set = socket.options.receiveBuffer;
      return set === null ? (socket.tcb?.limits.receive ?? engine.config.bufferReceiveStart) : 2 * set;
    },
    set: ({ socket, engine }, value) => {
      const limit = engine.config.bufferReceiveMax;
      socket.options.receiveBuffer = Math.max(MIN_RECEIVE_BUFFER, Math.min(value, limit));
      if (socket.tcb !== null) socket.options.applyBuffers(engine, socket.tcb);
    },
  },
  SO_KEEPALIVE: {
    get: ({ socket, engine }) => Number(socket.options.keepAlive ?? engine.config.keepAlive),
    set: ({ socket, engine }, value) => {
      socket.options.keepAlive = value !== 0;
      if (socket.tcb !== null) socket.options.applyKeepAlive(engine, socket.tcb);
    },
  },
  SO_LINGER: {
    get: ({ socket }) => ({ ...socket.options.linger }),
    set: ({ socket }, _value, given) => {
      socket.options.linger = toLinger(given);
    },
  },
  SO_RCVLOWAT: {
    get: ({ socket }) => socket.options.stored.get('SO_RCVLOWAT') ?? 1,
    set: ({ socket }, value) => {
      socket.options.stored.set('SO_RCVLOWAT', value < 0 ? MAX_MSS : Math.max(1, value));
    },
  },
  SO_SNDLOWAT: constant(1),
  SO_DEBUG: stored('SO_DEBUG', 0),
  SO_DONTROUTE: stored('SO_DONTROUTE', 0),
  SO_BROADCAST: stored('SO_BROADCAST', 0),
  // Urgent data always stays in line (RFC 9293 §3.8.5).
  SO_OOBINLINE: stored('SO_OOBINLINE', 1),
  SO_PRIORITY: stored('SO_PRIORITY', 0),
  SO_RCVTIMEO: stored('SO_RCVTIMEO', 0),
  SO_SNDTIMEO: stored('SO_SNDTIMEO', 0),
};

const ipOptions: Record<string, Option> = {
  IP_TOS: {
    get: ({ socket, engine }) => socket.options.tos ?? engine.config.tos,
    set: ({ socket, engine }, value) => {
      // The ECN bits of a TCP socket belong to TCP.
      socket.options.tos = value & 0xff & ~ECN_MASK;
      if (socket.tcb !== null) engine.setTos(socket.tcb, socket.options.tos);
    },
  },
  IP_TTL: {
    get: ({ socket, engine }) => socket.options.ttl ?? engine.config.ttl,
    set: ({ socket, engine }, value) => {
      socket.options.ttl = value === -1 ? null : within(value, 1, 255);
      const ttl = socket.options.ttl ?? engine.config.ttl ?? DEFAULT_TTL;
      if (socket.tcb !== null) engine.setTtl(socket.tcb, ttl);
    },
  },
  IP_MTU_DISCOVER: {
    get: ({ socket }) => socket.options.mtuDiscover,
    set: ({ socket }, value) => {
      socket.options.mtuDiscover = within(value, 0, MAX_PMTUDISC);
    },
  },
  IP_MTU: {
    get: ({ socket }) => (socket.closed ? fail('ENOTCONN', 'getsockopt') : (socket.tcb?.pathMtu ?? 0)),
  },
  IP_RECVERR: stored('IP_RECVERR', 0),
};

const tcpOptions: Record<string, Option> = {
  TCP_NODELAY: {
    get: ({ socket, engine }) => Number(socket.options.noDelay ?? !engine.config.nagle),
    set: ({ socket, engine }, value) => {
      socket.options.noDelay = value !== 0;
      if (socket.tcb !== null) engine.setNoDelay(socket.tcb, value !== 0);
    },
  },
  TCP_CORK: {
    get: ({ socket }) => Number(socket.options.cork),
    set: ({ socket, engine }, value) => {
      socket.options.cork = value !== 0;
      if (socket.tcb !== null) engine.setCork(socket.tcb, value !== 0);
    },
  },
  TCP_MAXSEG: {
    get: ({ socket }) => {
      if (socket.tcb !== null && !socket.closed) return segmentSize(socket.tcb);
      return socket.options.maxSegment || DEFAULT_MSS;
    },
    set: ({ socket }, value) => {
      socket.options.maxSegment = value === 0 ? null : within(value, MIN_MSS, MAX_MSS);
    },
  },
  TCP_KEEPIDLE: {
    get: ({ socket, engine }) => socket.options.keepIdle ?? Math.round(engine.config.keepAliveIdle / SECOND),
    set: ({ socket, engine }, value) => {
      socket.options.keepIdle = within(value, 1, MAX_KEEPALIVE_SECONDS);
      if (socket.tcb !== null) socket.options.applyKeepAlive(engine, socket.tcb);
    },
  },
  TCP_KEEPINTVL: {
    get: ({ socket, engine }) =>
      socket.options.keepInterval ?? Math.round(engine.config.keepAliveInterval / SECOND),
    set: ({ socket, engine }, value) => {
      socket.options.keepInterval = within(value, 1, MAX_KEEPALIVE_SECONDS);
      if (socket.tcb !== null) socket.options.applyKeepAlive(engine, socket.tcb);
    },
  },
  TCP_KEEPCNT: {
    get: ({ socket, engine }) => socket.options.keepCount ?? engine.config.keepAliveCount,
    set: ({ socket, engine }, value) => {
      socket.options.keepCount = within(value, 1, MAX_COUNT);
      if (socket.tcb !== null) socket.options.applyKeepAlive(engine, socket.tcb);
    },
  },
  TCP_SYNCNT: {
    get: ({ socket, engine }) => socket.options.synCount ?? engine.config.retriesSyn,
    set: ({ socket }, value) => {
      socket.options.synCount = within(value, 1, MAX_COUNT);
    },
  },
  TCP_LINGER2: {
    get: ({ socket, engine }) => {
      const value = socket.options.linger2;
      return value !== 0 ? value : Math.round(Math.min(engine.config.finWait2 / SECOND, MAX_LINGER2));
    },
    set: ({ socket, engine }, value) => {
      socket.options.linger2 = value < 0 ? -1 : Math.min(value, MAX_LINGER2);
      if (socket.tcb !== null) socket.options.apply(engine, socket.tcb);
    },
  },
  TCP_DEFER_ACCEPT: {
    get: ({ socket }) => retransmissionsToSeconds(socket.options.deferAccept),
    set: ({ socket, engine }, value) => {
      socket.options.deferAccept = secondsToRetransmissions(value);
      if (socket.listener !== null) {
        const deferAccept = retransmissionsToSeconds(socket.options.deferAccept) * SECOND;
        engine.adjustListener(socket.listener, { deferAccept });
      }
    },
  },
  TCP_INFO: { get: ({ socket }) => tcpInfo(socket) },
  TCP_QUICKACK: {
    get: ({ socket }) => Number(socket.options.quickAck),
    set: ({ socket, engine }, value) => {
      socket.options.quickAck = (value & 1) !== 0;
      if (socket.tcb === null) return;
      if (socket.options.quickAck) engine.setQuickAck(socket.tcb);
      else engine.adjust(socket.tcb, { quickAcks: 0 });
    },
  },
  TCP_CONGESTION: {
    get: ({ socket, engine }) =>
      socket.tcb?.congestion.name ?? socket.options.congestion ?? engine.config.congestion,
    set: ({ socket }, _value, given) => {
      if (given !== 'reno' && given !== 'cubic') fail('ENOENT', SYSCALL);
      socket.options.congestion = given;
    },
  },
  TCP_USER_TIMEOUT: {
    get: ({ socket, engine }) => socket.options.userTimeout ?? Math.round(engine.config.userTimeout / 1_000),
    set: ({ socket, engine }, value) => {
      socket.options.userTimeout = value < 0 ? fail('EINVAL', SYSCALL) : value;
      if (socket.tcb !== null) engine.setUserTimeout(socket.tcb, value * 1_000);
    },
  },
  // Both without effect while the key `tfo` is off. The first is a listener's queue, RFC 7413 §5.1.
  TCP_FASTOPEN: {
    get: ({ socket }) => socket.options.stored.get('TCP_FASTOPEN') ?? 0,
    set: ({ socket, engine }, value) => {
      if (value < 0 || value > SOMAXCONN) fail('EINVAL', SYSCALL);
      socket.options.stored.set('TCP_FASTOPEN', value);
      if (socket.listener !== null) engine.adjustListener(socket.listener, { fastOpenQueue: value });
    },
  },
  TCP_FASTOPEN_CONNECT: stored('TCP_FASTOPEN_CONNECT', 0),
  TCP_WINDOW_CLAMP: stored('TCP_WINDOW_CLAMP', 0),
  TCP_TIMESTAMP: stored('TCP_TIMESTAMP', 0),
  TCP_NOTSENT_LOWAT: stored('TCP_NOTSENT_LOWAT', 0),
};

interface Level {
  readonly numbers: Readonly<Record<string, number>>;
  readonly options: Record<string, Option>;
}

const levels: ReadonlyMap<number, Level> = new Map([
  [SOL_SOCKET, { numbers: SOCKET_OPTIONS, options: socketOptions }],
  [SOL_IP, { numbers: IP_OPTIONS, options: ipOptions }],
  [SOL_TCP, { numbers: TCP_OPTIONS, options: tcpOptions }],
]);

function findOption(level: number | string, name: number | string, syscall: string): Option {
  const number = typeof level === 'number' ? level : ownValue(LEVELS, level);
  const found = number === undefined ? undefined : levels.get(number);
  if (found === undefined) return fail('ENOPROTOOPT', syscall);
  const key =
    typeof name === 'string' ? name : Object.keys(found.numbers).find((key) => found.numbers[key] === name);
  return (key === undefined ? undefined : ownValue(found.options, key)) ?? fail('ENOPROTOOPT', syscall);
}

function ownValue<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** The option's value in the socket interface's units. */
export function getOption(context: Context, level: number | string, name: number | string): OptionValue {
  return findOption(level, name, 'getsockopt').get(context);
}

/** Sets an option; EINVAL for a value out of range, ENOPROTOOPT for an unknown one. */
export function setOption(
  context: Context,
  level: number | string,
  name: number | string,
  value: OptionValue,
): void {
  const option = findOption(level, name, SYSCALL);
  if (option.set === undefined) fail('ENOPROTOOPT', SYSCALL);
  const number = typeof value === 'number' || typeof value === 'boolean' ? Number(value) : 0;
  const typed = option === socketOptions['SO_LINGER'] || option === tcpOptions['TCP_CONGESTION'];
  if (!typed && (typeof value === 'string' || typeof value === 'object' || !Number.isInteger(number))) {
    fail('EINVAL', SYSCALL);
  }
  option.set(context, number, value);
}
