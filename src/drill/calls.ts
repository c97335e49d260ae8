/** The system calls that scripts may use, on sockets that never block: whoever would wait is asked again. */

import {
  F_GETFL,
  F_SETFL,
  FIONBIO,
  MSG_DONTWAIT,
  MSG_FASTOPEN,
  O_NONBLOCK,
  SIOCATMARK,
  SIOCINQ,
  SIOCOUTQ,
  SIOCOUTQNSD,
  SOCK_NONBLOCK,
  SOCKET_OPTIONS,
  SOL_SOCKET,
} from '../posix/constants.ts';
import { PosixError } from '../posix/errno.ts';
import type { OptionValue } from '../posix/option-table.ts';
import type { Tcb } from '../tcp/tcb.ts';
import { type CallContext, CallError, fieldOf, integer, single, textOf } from './call-context.ts';
import type { Expression, SystemCall } from './script.ts';
import { receiving, sending, sendingFast } from './transfer-calls.ts';

/** A call under way. */
export interface Running {
  /** The result, or null: it would wait. @throws PosixError */
  attempt(): number | null;
  /** What the call has written to its arguments. @throws CallError */
  check?(): void;
  /** µs after the start at which it ends in any case. */
  readonly timeout?: number;
}

type Arguments = readonly Expression[];
type Start = (context: CallContext, items: Arguments, call: SystemCall) => Running;

interface KnownCall {
  readonly least: number;
  readonly most: number;
  readonly start: Start;
}

const AF_INET = 2;
const SOCK_TYPE = 0xf;
const SOCK_STREAM = 1;
const IPPROTO_TCP = 6;
const MICROSECONDS = 1000;
const SECOND = 1_000_000;
const { SO_LINGER } = SOCKET_OPTIONS;

const once = (attempt: () => number): Running => ({ attempt });
const known = (least: number, most: number, start: Start): KnownCall => ({ least, most, start });

/** Runs `call`; would it wait, and may it, the answer is null. */
export function unlessItWaits(blocks: boolean, call: () => number): number | null {
  try {
    return call();
  } catch (error) {
    if (blocks && error instanceof PosixError && WAITS.has(error.code)) return null;
    throw error;
  }
}

const WAITS: ReadonlySet<string> = new Set(['EAGAIN', 'EINPROGRESS', 'EALREADY']);

function socket(context: CallContext, [domain, type, protocol]: Arguments, call: SystemCall): Running {
  const value = (argument: Expression | undefined, usual: number): number =>
    argument?.kind === 'any' ? usual : integer(argument, 'a number');
  const kind = value(type, SOCK_STREAM);
  return once(() => {
    const fd = context.posix.socket(value(domain, AF_INET), kind, value(protocol, IPPROTO_TCP));
    context.posix.fcntl(fd, F_SETFL, kind & SOCK_NONBLOCK);
    context.setBlocking(fd, (kind & SOCK_NONBLOCK) === 0);
    context.named(call.result, fd);
    return fd;
  });
}

function bind(context: CallContext, [fd, address]: Arguments): Running {
  const { localAddress, bindPort } = context.setting;
  const to = context.address(address, { address: localAddress, port: bindPort });
  if (to === null) throw new CallError('bind needs an address of AF_INET');
  return once(() => {
    context.posix.bind(context.descriptor(fd), to);
    return 0;
  });
}

function listen(context: CallContext, [fd, backlog]: Arguments): Running {
  const live = context.descriptor(fd);
  return once(() => {
    context.posix.listen(live, integer(backlog, 'a backlog'));
    context.flows.listening(context.posix.getsockname(live).port);
    return 0;
  });
}

function accept(context: CallContext, [fd, , , flags]: Arguments, call: SystemCall): Running {
  const live = context.descriptor(fd);
  const bits = flags === undefined ? 0 : integer(flags, 'flags');
  const attempt = (): number => {
    const accepted = context.posix.accept(live, bits);
    context.setBlocking(accepted.fd, (bits & SOCK_NONBLOCK) === 0);
    context.posix.fcntl(accepted.fd, F_SETFL, bits & SOCK_NONBLOCK);
    const flow = context.flows.between(context.posix.getsockname(accepted.fd).port, accepted.port);
    if (flow !== null) {
      flow.fd = accepted.fd;
      context.flows.current = flow;
    }
    context.named(call.result, accepted.fd);
    return accepted.fd;
  };
  return { attempt: () => unlessItWaits(context.blocks(live), attempt) };
}

function connect(context: CallContext, [fd, address]: Arguments): Running {
  const live = context.descriptor(fd);
  const { remoteAddress, connectPort } = context.setting;
  const to = context.address(address, { address: remoteAddress, port: connectPort });
  const attempt = (): number => {
    try {
      context.posix.connect(live, to);
    } catch (error) {
      if (to !== null && error instanceof PosixError && error.code === 'EINPROGRESS') {
        context.flows.open(context.posix.getsockname(live).port, to.port).fd = live;
      }
      throw error;
    }
    return 0;
  };
  return { attempt: () => unlessItWaits(context.blocks(live), attempt) };
}

function shutdown(context: CallContext, [fd, how]: Arguments): Running {
  return once(() => {
    context.posix.shutdown(context.descriptor(fd), integer(how, 'SHUT_RD, SHUT_WR or SHUT_RDWR'));
    return 0;
  });
}

function close(context: CallContext, [fd]: Arguments): Running {
  const live = context.descriptor(fd);
  let tcb: Tcb | null = null;
  let linger = 0;
  const attempt = (): number => {
    tcb = context.posix.connection(live);
    const option = context.posix.getsockopt(live, SOL_SOCKET, SO_LINGER) as { onoff: number; linger: number };
    linger = option.onoff === 0 ? 0 : option.linger;
    context.posix.close(live);
    context.flows.closed(live);
    context.setBlocking(live, true);
    return 0;
  };
  let closed = false;
  return {
    attempt: () => {
      if (!closed) attempt();
      closed = true;
      return linger > 0 && tcb !== null && LINGERING.has(tcb.state) ? null : 0;
    },
    get timeout() {
      return linger * SECOND;
    },
  };
}

/** SO_LINGER waits until the FIN is acknowledged. */
const LINGERING: ReadonlySet<string> = new Set(['FIN-WAIT-1', 'CLOSING', 'LAST-ACK']);

function fcntl(context: CallContext, [fd, command, argument]: Arguments): Running {
  const live = context.descriptor(fd);
  const number = integer(command, 'a command of fcntl');
  const value = argument === undefined ? 0 : integer(argument, 'flags');
  return once(() => {
    const result = context.posix.fcntl(live, number, value);
    if (number === F_SETFL) context.setBlocking(live, (value & O_NONBLOCK) === 0);
    return number === F_GETFL && result < 0 ? 0 : result;
  });
}

/** Those that write a number to their argument; FIONBIO reads it. */
const ASKING: readonly number[] = [SIOCINQ, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK];

function ioctl(context: CallContext, [fd, request, argument]: Arguments): Running {
  const live = context.descriptor(fd);
  const number = integer(request, 'a request of ioctl');
  const given = single(argument);
  if (!ASKING.includes(number)) {
    const value = given === undefined ? 0 : integer(given, 'a number');
    return once(() => {
      const result = context.posix.ioctl(live, number, value);
      if (number === FIONBIO) context.setBlocking(live, value === 0);
      return result;
    });
  }
  let found = 0;
  return {
    attempt: () => {
      found = context.posix.ioctl(live, number);
      return 0;
    },
    check: () => expectValue('ioctl', given, found),
  };
}

function setsockopt(context: CallContext, [fd, level, name, value]: Arguments): Running {
  const option = optionValue(single(value));
  return once(() => {
    context.posix.setsockopt(
      context.descriptor(fd),
      integer(level, 'a level'),
      integer(name, 'an option'),
      option,
    );
    return 0;
  });
}

function optionValue(value: Expression | undefined): OptionValue {
  switch (value?.kind) {
    case 'integer':
      return value.value;
    case 'string':
      return value.value;
    case 'name':
      return value.name;
    case 'struct':
      return {
        onoff: integer(fieldOf(value.fields, 'onoff') ?? value.fields[0]?.value, 'onoff'),
        linger: integer(fieldOf(value.fields, 'linger') ?? value.fields[1]?.value, 'linger'),
      };
    default:
      throw new CallError(`an option has a value such as [1], not ${textOf(value)}`);
  }
}

function getsockopt(context: CallContext, [fd, level, name, value]: Arguments): Running {
  let found: OptionValue = 0;
  return {
    attempt: () => {
      const live = context.descriptor(fd);
      found = context.posix.getsockopt(live, integer(level, 'a level'), integer(name, 'an option'));
      return 0;
    },
    check: () => expectValue('getsockopt', single(value), found),
  };
}

/** @throws CallError when `found` is not what the script has in the argument's place */
function expectValue(call: string, expected: Expression | undefined, found: OptionValue): void {
  if (expected === undefined || expected.kind === 'any') return;
  const wanted = optionValue(expected);
  if (JSON.stringify(wanted) === JSON.stringify(found)) return;
  throw new CallError(`${call} gave ${JSON.stringify(found)}, not ${textOf(expected)}`);
}

function address(name: 'getsockname' | 'getpeername'): Start {
  return (context, [fd, expected]) => {
    let found = { address: '', port: 0 };
    return {
      attempt: () => {
        found = context.posix[name](context.descriptor(fd));
        return 0;
      },
      check: () => {
        const wanted = context.address(expected, found);
        if (wanted?.address === found.address && wanted.port === found.port) return;
        throw new CallError(`${name} gave ${found.address}:${found.port}, not ${textOf(expected)}`);
      },
    };
  };
}

function poll(context: CallContext, [set, , timeout]: Arguments): Running {
  if (set?.kind !== 'array') throw new CallError('poll needs [{fd=…, events=…, revents=…}]');
  const wait = integer(timeout, 'a time-out in milliseconds');
  const entries = set.items.map((item) => {
    if (item.kind !== 'struct')
      throw new CallError(`poll needs {fd=…, events=…, revents=…}, not ${textOf(item)}`);
    const part = (name: string, place: number): Expression | undefined =>
      fieldOf(item.fields, name) ?? item.fields[place]?.value;
    return {
      fd: context.descriptor(part('fd', 0)),
      events: integer(part('events', 1), 'events'),
      revents: part('revents', 2),
      found: 0,
    };
  });
  return {
    attempt: () => {
      for (const entry of entries) entry.found = context.posix.poll(entry.fd, entry.events);
      const ready = entries.filter((entry) => entry.found !== 0).length;
      return ready > 0 || wait === 0 ? ready : null;
    },
    check: () => {
      entries.forEach(({ revents, found }, index) => {
        if (revents?.kind !== 'integer' || revents.value === found) return;
        throw new CallError(
          `poll gave revents=0x${found.toString(16)} in entry ${index}, not 0x${revents.value.toString(16)}`,
        );
      });
    },
    ...(wait > 0 && { timeout: wait * MICROSECONDS }),
  };
}

const transfer = (start: typeof receiving, flagsAt: number | null): Start => {
  return (context, items, call) => {
    const flags = flagsAt === null ? 0 : integer(items[flagsAt], 'flags');
    const running = start(context, items, call, flags);
    const live = context.descriptor(items[0]);
    const blocks = context.blocks(live) && (flags & MSG_DONTWAIT) === 0;
    return { attempt: () => unlessItWaits(blocks, () => running(blocks)) };
  };
};

function sendto(context: CallContext, items: Arguments, call: SystemCall): Running {
  const flags = integer(items[3], 'flags');
  if ((flags & MSG_FASTOPEN) === 0) return transfer(sending, 3)(context, items, call);
  const running = sendingFast(context, call, flags);
  const live = context.descriptor(items[0]);
  const blocks = context.blocks(live) && (flags & MSG_DONTWAIT) === 0;
  return { attempt: () => unlessItWaits(blocks, () => running(blocks)) };
}

const CALLS: Readonly<Record<string, KnownCall>> = {
  socket: known(3, 3, socket),
  bind: known(3, 3, bind),
  listen: known(2, 2, listen),
  accept: known(3, 3, accept),
  accept4: known(4, 4, accept),
  connect: known(3, 3, connect),
  shutdown: known(2, 2, shutdown),
  close: known(1, 1, close),
  fcntl: known(2, 3, fcntl),
  ioctl: known(2, 3, ioctl),
  setsockopt: known(5, 5, setsockopt),
  getsockopt: known(5, 5, getsockopt),
  getsockname: known(3, 3, address('getsockname')),
  getpeername: known(3, 3, address('getpeername')),
  poll: known(3, 3, poll),
  read: known(3, 3, transfer(receiving, null)),
  recv: known(4, 4, transfer(receiving, 3)),
  recvfrom: known(6, 6, transfer(receiving, 3)),
  readv: known(3, 3, transfer(receiving, null)),
  recvmsg: known(3, 3, transfer(receiving, 2)),
  write: known(3, 3, transfer(sending, null)),
  send: known(4, 4, transfer(sending, 3)),
  sendto: known(6, 6, sendto),
  writev: known(3, 3, transfer(sending, null)),
  sendmsg: known(3, 3, transfer(sending, 2)),
};

/** Why `call` cannot be run, in one sentence; null when it can. */
export function callProblem(call: SystemCall): string | null {
  const found = Object.hasOwn(CALLS, call.name) ? CALLS[call.name] : undefined;
  if (found === undefined) return `the system call ${call.name} is not supported`;
  const count = call.arguments.length;
  if (count < found.least || count > found.most) {
    const range = found.least === found.most ? `${found.least}` : `${found.least} to ${found.most}`;
    return `${call.name} has ${range} arguments, not ${count}`;
  }
  return call.name === 'socket' ? socketProblem(call.arguments) : null;
}

function socketProblem([domain, type]: Arguments): string | null {
  if (domain?.kind === 'integer' && domain.value !== AF_INET) return 'only sockets of AF_INET are supported';
  const stream = type?.kind !== 'integer' || (type.value & SOCK_TYPE) === SOCK_STREAM;
  return stream ? null : 'only sockets of SOCK_STREAM are supported';
}

/** @throws CallError when an argument is none */
export function startCall(context: CallContext, call: SystemCall): Running {
  return (CALLS[call.name] as KnownCall).start(context, call.arguments, call);
}
