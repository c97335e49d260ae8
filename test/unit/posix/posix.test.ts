/** The socket calls over two stacks on a virtual clock, against what Linux answers. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.ts';
import { type VirtualClock, virtualClock } from '../../../src/base/virtual-clock.ts';
import { memoryLink } from '../../../src/device/memory-link.ts';
import {
  createPosix,
  ERRNO,
  F_GETFL,
  MSG_MORE,
  MSG_PEEK,
  MSG_TRUNC,
  O_NONBLOCK,
  O_RDWR,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLRDHUP,
  type Posix,
  PosixError,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SIOCINQ,
  SIOCOUTQ,
  type TcpInfo,
} from '../../../src/posix/index.ts';
import { Stack } from '../../../src/stack/stack.ts';

const SERVER = '10.1.0.2';
const PORT = 7;
const CLOSED_BITS = POLLIN | POLLOUT | POLLHUP | POLLRDHUP;

interface Pair {
  readonly clock: VirtualClock;
  readonly client: Posix;
  readonly server: Posix;
  readonly clientStack: Stack;
  readonly serverStack: Stack;
}

function pair(): Pair {
  const clock = virtualClock(1_000_000);
  const [near, far] = memoryLink();
  const clientStack = new Stack({ device: near, address: '10.1.0.1/24', clock, random: new SeededRandom(1) });
  const serverStack = new Stack({ device: far, address: `${SERVER}/24`, clock, random: new SeededRandom(2) });
  return {
    clock,
    clientStack,
    serverStack,
    client: createPosix(clientStack),
    server: createPosix(serverStack),
  };
}

/** Name of the error that `call` throws, or what it returns. */
function outcome(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
    assert.equal(error.errno, ERRNO[error.code]);
    return error.code;
  }
}

function listening(posix: Posix, reuse = true): number {
  const fd = posix.socket();
  if (reuse) posix.setsockopt(fd, 'SOL_SOCKET', 'SO_REUSEADDR', 1);
  posix.bind(fd, { address: '0.0.0.0', port: PORT });
  posix.listen(fd, 5);
  return fd;
}

interface Connected extends Pair {
  readonly listener: number;
  readonly active: number;
  readonly passive: number;
}

function connected(): Connected {
  const both = pair();
  const listener = listening(both.server);
  const active = both.client.socket();
  assert.equal(
    outcome(() => both.client.connect(active, { address: SERVER, port: PORT })),
    'EINPROGRESS',
  );
  const passive = both.server.accept(listener).fd;
  both.client.connect(active, { address: SERVER, port: PORT });
  return { ...both, listener, active, passive };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const room = (size = 100): Uint8Array => new Uint8Array(size);

test('a new socket: lowest descriptor, POLLOUT|POLLHUP, and what it refuses', () => {
  const { client } = pair();
  const fd = client.socket();
  assert.equal(fd, 3);
  assert.equal(client.socket(), 4);
  client.close(3);
  assert.equal(client.socket(), 3);
  assert.equal(client.poll(fd), POLLOUT | POLLHUP);
  assert.equal(client.poll(99), POLLNVAL);
  assert.deepEqual(client.getsockname(fd), { address: '0.0.0.0', port: 0 });
  assert.equal(client.fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
  const cases: [string, () => unknown][] = [
    ['ENOTCONN', () => client.read(fd, room())],
    ['EPIPE', () => client.write(fd, bytes('x'))],
    ['ENOTCONN', () => client.getpeername(fd)],
    ['ENOTCONN', () => client.shutdown(fd, SHUT_WR)],
    ['EINVAL', () => client.shutdown(fd, 3)],
    ['EINVAL', () => client.accept(fd)],
    ['EBADF', () => client.read(77, room())],
    ['EBADF', () => client.close(77)],
    ['EADDRNOTAVAIL', () => client.bind(fd, { address: '10.1.0.77', port: 1 })],
    ['EAFNOSUPPORT', () => client.bind(fd, { address: '::1', port: 1 })],
    ['EAFNOSUPPORT', () => client.socket(10)],
    ['ENOPROTOOPT', () => client.getsockopt(fd, 'SOL_SOCKET', 'SO_NONSENSE')],
    ['ENOPROTOOPT', () => client.getsockopt(fd, 1, 9999)],
    ['ENOPROTOOPT', () => client.setsockopt(fd, 99, 1, 1)],
    ['ENOPROTOOPT', () => client.getsockopt(fd, 'SOL_SOCKET', 'constructor')],
    ['ENETUNREACH', () => client.connect(fd, { address: '224.0.0.1', port: 1 })],
    ['ENOTTY', () => client.ioctl(fd, 0x1234)],
  ];
  for (const [code, call] of cases) assert.equal(outcome(call), code, String(call));
});

test('connect: EINPROGRESS, EALREADY, 0, EISCONN; poll in SYN-SENT says nothing', () => {
  const { client, server, clock } = pair();
  const early = client.socket();
  const address = { address: '10.1.0.99', port: PORT };
  assert.equal(
    outcome(() => client.connect(early, address)),
    'EINPROGRESS',
  );
  assert.equal(client.poll(early), 0);
  assert.equal(
    outcome(() => client.connect(early, address)),
    'EALREADY',
  );
  assert.equal(
    outcome(() => client.write(early, bytes('x'))),
    'EAGAIN',
  );
  assert.equal(
    outcome(() => client.read(early, room())),
    'EAGAIN',
  );
  assert.equal(
    outcome(() => client.getpeername(early)),
    'ENOTCONN',
  );
  clock.advanceBy(1_000_000_000);
  assert.equal(client.poll(early), CLOSED_BITS | POLLERR);
  assert.equal(
    outcome(() => client.connect(early, address)),
    'ETIMEDOUT',
  );

  listening(server);
  const fd = client.socket();
  const open = { address: SERVER, port: PORT };
  assert.equal(
    outcome(() => client.connect(fd, open)),
    'EINPROGRESS',
  );
  assert.equal(client.poll(fd), POLLOUT);
  assert.equal(client.getsockopt(fd, 'SOL_SOCKET', 'SO_ERROR'), 0);
  assert.equal(
    outcome(() => client.connect(fd, open)),
    undefined,
  );
  assert.equal(
    outcome(() => client.connect(fd, open)),
    'EISCONN',
  );
  assert.deepEqual(client.getpeername(fd), open);
});

test('connect: a refusal is told once, by poll and SO_ERROR or by the next connect', () => {
  const { client } = pair();
  const fd = client.socket();
  const address = { address: SERVER, port: 9 };
  assert.equal(
    outcome(() => client.connect(fd, address)),
    'EINPROGRESS',
  );
  assert.equal(client.poll(fd), CLOSED_BITS | POLLERR);
  assert.equal(client.getsockopt(fd, 1, 4), ERRNO.ECONNREFUSED);
  assert.equal(client.getsockopt(fd, 1, 4), 0);
  assert.equal(client.poll(fd), CLOSED_BITS);
  assert.equal(
    outcome(() => client.connect(fd, address)),
    'ECONNABORTED',
  );
  assert.equal(
    outcome(() => client.connect(fd, address)),
    'EINPROGRESS',
  );
  assert.equal(
    outcome(() => client.connect(fd, address)),
    'ECONNREFUSED',
  );
});

test('accept: EAGAIN, then descriptor and address; options are inherited', () => {
  const { client, server } = pair();
  const listener = listening(server);
  server.setsockopt(listener, 'IPPROTO_TCP', 'TCP_NODELAY', 1);
  server.setsockopt(listener, 'IPPROTO_TCP', 'TCP_KEEPIDLE', 77);
  assert.equal(server.poll(listener), 0);
  assert.equal(
    outcome(() => server.accept(listener)),
    'EAGAIN',
  );
  let told = 0;
  server.onReadiness(listener, (bits) => {
    told |= bits;
  });
  const fd = client.socket();
  outcome(() => client.connect(fd, { address: SERVER, port: PORT }));
  assert.equal(told, POLLIN);
  assert.equal(server.poll(listener), POLLIN);
  const accepted = server.accept(listener);
  assert.equal(accepted.address, '10.1.0.1');
  assert.equal(accepted.port, client.getsockname(fd).port);
  assert.equal(server.getsockopt(accepted.fd, 6, 'TCP_NODELAY'), 1);
  assert.equal(server.getsockopt(accepted.fd, 6, 4), 77);
  assert.equal(server.getsockopt(listener, 'SOL_SOCKET', 'SO_ACCEPTCONN'), 1);
  assert.equal(
    outcome(() => server.read(listener, room())),
    'ENOTCONN',
  );
  assert.equal(
    outcome(() => server.connect(listener, { address: '10.1.0.1', port: 1 })),
    'EISCONN',
  );
  assert.equal(
    outcome(() => server.listen(accepted.fd)),
    'EINVAL',
  );
});

test('data: MSG_PEEK and MSG_TRUNC, SIOCINQ, SIOCOUTQ, EAGAIN when empty and when full', () => {
  const { client, server, active, passive } = connected();
  assert.equal(
    outcome(() => server.read(passive, room())),
    'EAGAIN',
  );
  assert.equal(client.send(active, bytes('hello world')), 11);
  assert.equal(server.poll(passive), POLLIN | POLLOUT);
  assert.equal(server.ioctl(passive, SIOCINQ), 11);
  const buffer = room();
  assert.equal(server.recv(passive, buffer, MSG_PEEK), 11);
  assert.equal(server.recv(passive, room(6), MSG_TRUNC), 6);
  assert.equal(server.recv(passive, buffer), 5);
  assert.equal(new TextDecoder().decode(buffer.subarray(0, 5)), 'world');
  const block = room(65_536);
  let sent = 0;
  for (let i = 0; i < 1000; i++) {
    const taken = outcome(() => client.write(active, block));
    if (taken === 'EAGAIN') break;
    sent += taken as number;
  }
  assert.equal(client.poll(active) & POLLOUT, 0);
  assert.ok(client.ioctl(active, SIOCOUTQ) > 0);
  assert.equal(server.ioctl(passive, SIOCINQ) + client.ioctl(active, SIOCOUTQ), sent);
});

test('MSG_MORE holds the tail back until a send without it', () => {
  const { client, server, active, passive } = connected();
  client.send(active, bytes('head'), MSG_MORE);
  assert.equal(server.ioctl(passive, SIOCINQ), 0);
  client.send(active, bytes('tail'));
  assert.equal(server.ioctl(passive, SIOCINQ), 8);
});

test('half-close: the reader gets 0, the writer EPIPE, and poll as tcp_poll has it', () => {
  const { client, server, active, passive } = connected();
  client.write(active, bytes('last'));
  client.shutdown(active, SHUT_WR);
  assert.equal(
    outcome(() => client.write(active, bytes('x'))),
    'EPIPE',
  );
  assert.equal(client.poll(active), POLLOUT);
  assert.equal(server.poll(passive), POLLIN | POLLOUT | POLLRDHUP);
  assert.equal(server.read(passive, room()), 4);
  assert.equal(server.read(passive, room()), 0);
  assert.equal(server.write(passive, bytes('answer')), 6);
  assert.equal(client.read(active, room()), 6);
  server.close(passive);
  assert.equal(client.read(active, room()), 0);
  assert.equal(client.poll(active), CLOSED_BITS);
  assert.equal(
    outcome(() => client.getpeername(active)),
    'ENOTCONN',
  );
});

test('SHUT_RD: what is there can be read, then 0; SHUT_RDWR hangs up', () => {
  const { client, server, active, passive } = connected();
  client.write(active, bytes('abc'));
  server.shutdown(passive, SHUT_RD);
  assert.equal(server.poll(passive), POLLIN | POLLOUT | POLLRDHUP);
  assert.equal(server.read(passive, room()), 3);
  assert.equal(server.read(passive, room()), 0);
  server.shutdown(passive, SHUT_RDWR);
  assert.equal(server.poll(passive), CLOSED_BITS);
});

test('a reset: ECONNRESET once, then 0 and EPIPE', () => {
  const { client, server, active, passive } = connected();
  server.setsockopt(passive, 'SOL_SOCKET', 'SO_LINGER', { onoff: 1, linger: 0 });
  server.close(passive);
  assert.equal(client.poll(active), CLOSED_BITS | POLLERR);
  assert.equal(
    outcome(() => client.read(active, room())),
    'ECONNRESET',
  );
  assert.equal(client.poll(active), CLOSED_BITS);
  assert.equal(client.read(active, room()), 0);
  assert.equal(
    outcome(() => client.write(active, bytes('x'))),
    'EPIPE',
  );
});

test('close with unread data resets; close of a listener resets what waits', () => {
  const first = connected();
  first.client.write(first.active, bytes('unread'));
  first.server.close(first.passive);
  assert.equal(
    outcome(() => first.client.write(first.active, bytes('x'))),
    'ECONNRESET',
  );
  assert.equal(
    outcome(() => first.client.write(first.active, bytes('x'))),
    'EPIPE',
  );
  const fd = first.client.socket();
  outcome(() => first.client.connect(fd, { address: SERVER, port: PORT }));
  first.server.close(first.listener);
  assert.equal(
    outcome(() => first.client.read(fd, room())),
    'ECONNRESET',
  );
});

test('connect(null) dissolves a connection; the descriptor connects again', () => {
  const { client, server, active, passive, listener } = connected();
  client.connect(active, null);
  assert.equal(
    outcome(() => server.read(passive, room())),
    'ECONNRESET',
  );
  assert.deepEqual(client.getsockname(active), { address: '0.0.0.0', port: 0 });
  assert.equal(client.poll(active), POLLOUT | POLLHUP | POLLERR);
  assert.equal(
    outcome(() => client.connect(active, { address: SERVER, port: PORT })),
    'EINPROGRESS',
  );
  assert.equal(client.poll(active), POLLOUT);
  assert.equal(server.accept(listener).port, client.getsockname(active).port);
});

test('bind: conflicts, and SO_REUSEADDR as Linux reads it', () => {
  const { server } = pair();
  const one = server.socket();
  server.bind(one, { address: '0.0.0.0', port: 80 });
  assert.equal(
    outcome(() => server.bind(one, { address: '0.0.0.0', port: 81 })),
    'EINVAL',
  );
  const two = server.socket();
  assert.equal(
    outcome(() => server.bind(two, { address: SERVER, port: 80 })),
    'EADDRINUSE',
  );
  server.setsockopt(two, 1, 2, 1);
  assert.equal(
    outcome(() => server.bind(two, { address: SERVER, port: 80 })),
    'EADDRINUSE',
  );
  server.setsockopt(one, 1, 2, 1);
  assert.equal(
    outcome(() => server.bind(two, { address: SERVER, port: 80 })),
    undefined,
  );
  server.listen(one);
  assert.equal(
    outcome(() => server.listen(two)),
    'EADDRINUSE',
  );
  const any = server.socket();
  server.bind(any, { address: '0.0.0.0', port: 0 });
  assert.ok(server.getsockname(any).port >= 1024);
});

for (const [old, now, expected] of [
  [true, true, undefined],
  [false, true, 'EADDRINUSE'],
  [true, false, 'EADDRINUSE'],
] as const) {
  test(`bind over TIME-WAIT: SO_REUSEADDR before ${old}, now ${now}: ${expected ?? 'ok'}`, () => {
    const { client, server, clock } = pair();
    const listener = listening(server, old);
    const fd = client.socket();
    outcome(() => client.connect(fd, { address: SERVER, port: PORT }));
    const passive = server.accept(listener).fd;
    server.close(passive);
    client.close(fd);
    server.close(listener);
    const again = server.socket();
    if (now) server.setsockopt(again, 'SOL_SOCKET', 'SO_REUSEADDR', true);
    assert.equal(
      outcome(() => server.bind(again, { address: '0.0.0.0', port: PORT })),
      expected,
    );
    clock.advanceBy(61_000_000);
    if (expected !== undefined) server.bind(again, { address: '0.0.0.0', port: PORT });
    server.listen(again);
  });
}

test('options: values as Linux returns them', () => {
  const { client } = pair();
  const fd = client.socket();
  const cases: [string, string, number | string, number | string | undefined][] = [
    ['SOL_SOCKET', 'SO_SNDBUF', 30_000, 60_000],
    ['SOL_SOCKET', 'SO_RCVBUF', 65_536, 131_072],
    ['SOL_SOCKET', 'SO_RCVBUF', 1, 2304],
    ['SOL_SOCKET', 'SO_KEEPALIVE', 5, 1],
    ['SOL_SOCKET', 'SO_TYPE', 1, undefined],
    ['IPPROTO_TCP', 'TCP_DEFER_ACCEPT', 5, 7],
    ['IPPROTO_TCP', 'TCP_LINGER2', 500, 120],
    ['IPPROTO_TCP', 'TCP_LINGER2', -5, -1],
    ['IPPROTO_TCP', 'TCP_CONGESTION', 'reno', 'reno'],
    ['IPPROTO_TCP', 'TCP_USER_TIMEOUT', 1500, 1500],
    ['IPPROTO_TCP', 'TCP_MAXSEG', 1000, 1000],
    ['IPPROTO_TCP', 'TCP_FASTOPEN', 16, 16],
    ['IPPROTO_IP', 'IP_TOS', 0x13, 0x10],
    ['IPPROTO_IP', 'IP_TTL', 9, 9],
  ];
  for (const [level, name, value, expected] of cases) {
    if (expected === undefined)
      assert.equal(
        outcome(() => client.setsockopt(fd, level, name, value)),
        'ENOPROTOOPT',
      );
    else client.setsockopt(fd, level, name, value);
    if (expected !== undefined) assert.equal(client.getsockopt(fd, level, name), expected, name);
  }
  const refused: [string, string, number | string, string][] = [
    ['IPPROTO_TCP', 'TCP_KEEPIDLE', 0, 'EINVAL'],
    ['IPPROTO_TCP', 'TCP_KEEPINTVL', 40_000, 'EINVAL'],
    ['IPPROTO_TCP', 'TCP_KEEPCNT', 128, 'EINVAL'],
    ['IPPROTO_TCP', 'TCP_SYNCNT', 0, 'EINVAL'],
    ['IPPROTO_TCP', 'TCP_MAXSEG', 40, 'EINVAL'],
    ['IPPROTO_TCP', 'TCP_USER_TIMEOUT', -1, 'EINVAL'],
    ['IPPROTO_TCP', 'TCP_CONGESTION', 'bbr', 'ENOENT'],
    ['IPPROTO_IP', 'IP_TTL', 256, 'EINVAL'],
    ['IPPROTO_IP', 'IP_MTU_DISCOVER', 6, 'EINVAL'],
    ['SOL_SOCKET', 'SO_LINGER', 1, 'EINVAL'],
    ['SOL_SOCKET', 'SO_KEEPALIVE', 'yes', 'EINVAL'],
  ];
  for (const [level, name, value, code] of refused) {
    assert.equal(
      outcome(() => client.setsockopt(fd, level, name, value)),
      code,
      name,
    );
  }
});

test('a receive buffer of 65,536 means shift 0 and a window of at most 65,535', () => {
  const { client, server } = pair();
  listening(server);
  const fd = client.socket();
  client.setsockopt(fd, 'SOL_SOCKET', 'SO_RCVBUF', 65_536);
  outcome(() => client.connect(fd, { address: SERVER, port: PORT }));
  const info = client.getsockopt(fd, 'IPPROTO_TCP', 'TCP_INFO') as TcpInfo;
  assert.equal(info.tcpi_rcv_wscale, 0);
  assert.ok(info.tcpi_rcv_wnd <= 65_535);
});

test('TCP_INFO: states, units and counters of the kernel', () => {
  const { client, server, clock, active, passive, listener } = connected();
  clock.advanceBy(1_000_000);
  client.write(active, room(5000));
  clock.advanceBy(250_000);
  const info = client.getsockopt(active, 6, 11) as TcpInfo;
  assert.equal(info.tcpi_state, 1);
  assert.equal(info.tcpi_options, 7);
  assert.equal(info.tcpi_snd_mss, 1448);
  assert.equal(info.tcpi_snd_ssthresh, 2_147_483_647);
  assert.ok(info.tcpi_snd_cwnd >= 10 && info.tcpi_snd_cwnd <= 14);
  assert.equal(info.tcpi_bytes_acked, 5000);
  assert.equal(info.tcpi_last_data_sent, 250);
  assert.equal((server.getsockopt(passive, 6, 11) as TcpInfo).tcpi_last_data_recv, 250);
  assert.equal((server.getsockopt(listener, 6, 11) as TcpInfo).tcpi_state, 10);
  assert.equal((client.getsockopt(client.socket(), 6, 11) as TcpInfo).tcpi_state, 7);
});

test('fifty connections leave nothing behind once closed', () => {
  const { client, server, clientStack, clock, active, passive, listener } = connected();
  for (let i = 0; i < 50; i++) {
    const fd = client.socket();
    outcome(() => client.connect(fd, { address: SERVER, port: PORT }));
    client.write(fd, bytes('x'));
    server.close(server.accept(listener).fd);
    client.close(fd);
  }
  client.close(active);
  server.close(passive);
  clock.advanceBy(61_000_000);
  assert.equal(clientStack.tcp.stats.flows, 0);
  assert.equal(clientStack.tcp.stats.memory, 0);
});
