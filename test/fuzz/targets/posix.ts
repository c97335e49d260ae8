/**
 * Programs of socket calls on two hosts, right and wrong ones: every call returns what it may return or
 * throws a `PosixError`, every byte arrives in its place, and after all descriptors are closed nothing
 * is left.
 */

import assert from 'node:assert/strict';
import { PosixError } from '../../../src/posix/errno.ts';
import type { Posix } from '../../../src/posix/index.ts';
import type { OptionValue } from '../../../src/posix/option-table.ts';
import { ByteReader } from '../support/byte-reader.ts';
import { CONFIGURATIONS, type Configuration } from '../support/configurations.ts';
import { applicationByte, applicationBytes } from '../support/streams.ts';
import { TwoHosts } from '../support/two-hosts.ts';

const MOST_STEPS = 200;
/** 3 is the first; the last ones are never open. */
const DESCRIPTORS = 8;
const MOST_OPEN = 6;

const ADDRESSES = [
  '10.9.0.1',
  '10.9.0.2',
  '0.0.0.0',
  '127.0.0.1',
  '10.9.0.9',
  '255.255.255.255',
  '',
  '1.2',
] as const;
const PORTS = [7, 9, 0, 40_000, 65_535, 65_536, -1, 0.5] as const;
const SIZES = [0, 1, 10, 1000, 1460, 20_000, 200_000, 7] as const;
const FLAGS = [0, 0x2, 0x20, 0x8000, 0x1, 0x22, 0x40, 0x4100] as const;
const LEVELS = [1, 0, 6, 'SOL_TCP', 'IPPROTO_IP', 41] as const;
const VALUES: readonly OptionValue[] = [
  0,
  1,
  -1,
  2,
  88,
  1024,
  100_000,
  2 ** 31 - 1,
  true,
  'reno',
  'cubic',
  'none',
  { onoff: 1, linger: 0 },
  { onoff: 1, linger: 1 },
  { onoff: 0, linger: 0 },
  0.5,
];
const MILLISECONDS = [1, 40, 200, 1000, 10_000, 60_000, 300_000, 3_600_000] as const;
const TYPES = [1, 0o4001, 0o2000001, 2] as const;
const REQUESTS = [0x541b, 0x5411, 0x894b, 0x8905, 0x5421, 1] as const;

/** How far the streams of a connection are, by its block. */
interface Streams {
  written: number;
  read: number;
}

class Sockets {
  readonly hosts: TwoHosts;
  private readonly streams = new WeakMap<object, Streams>();
  private host = 0;
  private reading = false;
  readonly log: ((line: string) => void) | null;

  constructor(configuration: Configuration, log: ((line: string) => void) | null) {
    this.hosts = new TwoHosts(configuration);
    this.log = log;
  }

  get posix(): Posix {
    return (this.hosts.hosts[this.host] as TwoHosts['hosts'][number]).posix;
  }

  chooseHost(host: number): void {
    this.host = host;
  }

  /** `what`, done on the host that is chosen now, whenever it is called. */
  onThisHost(what: () => void): () => void {
    const own = this.host;
    return () => {
      const chosen = this.host;
      this.host = own;
      try {
        what();
      } finally {
        this.host = chosen;
      }
    };
  }

  /** What the call returned, or undefined when it failed in a way that calls fail in. */
  try<T>(name: string, call: (posix: Posix) => T): T | undefined {
    let result: T | undefined;
    let outcome: unknown;
    try {
      result = call(this.posix);
      outcome = result;
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      outcome = error.code;
    }
    if (name !== 'connection') this.log?.(`host ${this.host + 1} ${name}: ${JSON.stringify(outcome)}`);
    return result;
  }

  write(fd: number, count: number, flags: number): void {
    const tcb = this.try('connection', (posix) => posix.connection(fd)) ?? null;
    const streams = this.streamsOf(tcb);
    const bytes = applicationBytes(streams.written, count);
    const taken = this.try(`send(${fd}, ${count}, ${flags})`, (posix) => posix.send(fd, bytes, flags));
    if (taken === undefined) return;
    assert.ok(taken === 0 ? count === 0 : taken > 0 && taken <= count, `took ${taken} of ${count}`);
    streams.written += taken;
  }

  read(fd: number, count: number, flags: number): void {
    // A handler that is told inside of a read would count its bytes before the read's own.
    if (this.reading) return;
    this.reading = true;
    try {
      this.readNow(fd, count, flags);
    } finally {
      this.reading = false;
    }
  }

  private readNow(fd: number, count: number, flags: number): void {
    const tcb = this.try('connection', (posix) => posix.connection(fd)) ?? null;
    const streams = this.streamsOf(tcb);
    const into = new Uint8Array(count).fill(0xee);
    const got = this.try(`recv(${fd}, ${count}, ${flags})`, (posix) => posix.recv(fd, into, flags));
    if (got === undefined) return;
    assert.ok(got >= 0 && got <= count, `received ${got} of ${count}`);
    const kept = (flags & 0x20) === 0 ? got : 0;
    for (let i = 0; i < kept; i++)
      assert.equal(into[i], applicationByte(streams.read + i), `byte ${streams.read + i} of the stream`);
    assert.ok(
      into.subarray(kept).every((byte) => byte === 0xee),
      'wrote behind the bytes received',
    );
    if ((flags & 0x2) === 0) streams.read += got;
  }

  closeAll(): void {
    for (const host of [0, 1]) {
      this.chooseHost(host);
      for (let fd = 3; fd < 3 + 2 * MOST_OPEN; fd++) this.try(`close(${fd})`, (posix) => posix.close(fd));
    }
  }

  private streamsOf(tcb: object | null): Streams {
    const fresh = { written: 0, read: 0 };
    if (tcb === null) return fresh;
    const known = this.streams.get(tcb) ?? fresh;
    this.streams.set(tcb, known);
    return known;
  }
}

type Step = (sockets: Sockets, input: ByteReader, argument: number) => void;

function fd(input: ByteReader): number {
  return 3 + (input.u8() % DESCRIPTORS);
}

function isFull(sockets: Sockets): boolean {
  return sockets.posix.poll(3 + MOST_OPEN) !== 0x20;
}

function option(sockets: Sockets, input: ByteReader, sets: boolean): void {
  const socket = fd(input);
  const level = input.of(LEVELS);
  const name = input.u8() & 0x3f;
  const value = VALUES[input.u8() & 15] as OptionValue;
  const what = `sockopt(${socket}, ${level}, ${name}`;
  if (sets)
    sockets.try(`set${what}, ${JSON.stringify(value)})`, (posix) =>
      posix.setsockopt(socket, level, name, value),
    );
  else sockets.try(`get${what})`, (posix) => posix.getsockopt(socket, level, name));
}

/** A connection between the hosts, all calls right: the host chosen listens. */
function pair(sockets: Sockets, _input: ByteReader, argument: number): void {
  if (isFull(sockets)) return;
  const server = argument & 1;
  const port = 7 + (argument & 2);
  const address = ADDRESSES[server] as string;
  sockets.chooseHost(server);
  const listening = sockets.try('socket()', (posix) => posix.socket());
  if (listening === undefined) return;
  sockets.try('bind', (posix) => posix.bind(listening, { address, port }));
  sockets.try('listen', (posix) => posix.listen(listening));
  sockets.chooseHost(1 - server);
  if (!isFull(sockets)) {
    const connecting = sockets.try('socket()', (posix) => posix.socket());
    if (connecting !== undefined)
      sockets.try('connect', (posix) => posix.connect(connecting, { address, port }));
  }
  sockets.chooseHost(server);
  if (!isFull(sockets)) sockets.try(`accept(${listening})`, (posix) => posix.accept(listening));
}

/** Thirty-two, for five bits; the other three are an argument. */
const STEPS: readonly Step[] = [
  (sockets, _input, argument) => {
    if (!isFull(sockets))
      sockets.try('socket', (posix) => posix.socket(2, TYPES[argument & 3], (argument >> 2) * 6));
  },
  (sockets, input, argument) => {
    const socket = fd(input);
    const address = { address: input.of(ADDRESSES), port: PORTS[argument] as number };
    sockets.try(`bind(${socket}, ${JSON.stringify(address)})`, (posix) => posix.bind(socket, address));
  },
  (sockets, input, argument) => {
    const socket = fd(input);
    sockets.try(`listen(${socket}, ${argument - 1})`, (posix) => posix.listen(socket, argument - 1));
  },
  (sockets, input) => {
    const socket = fd(input);
    if (!isFull(sockets)) sockets.try(`accept(${socket})`, (posix) => posix.accept(socket));
  },
  (sockets, input, argument) => {
    const socket = fd(input);
    const address = { address: input.of(ADDRESSES), port: PORTS[argument] as number };
    sockets.try(`connect(${socket}, ${JSON.stringify(address)})`, (posix) => posix.connect(socket, address));
  },
  (sockets, input) => {
    const socket = fd(input);
    sockets.try(`connect(${socket}, null)`, (posix) => posix.connect(socket, null));
  },
  (sockets, input, argument) => sockets.write(fd(input), SIZES[argument] as number, input.of(FLAGS)),
  (sockets, input, argument) => sockets.read(fd(input), SIZES[argument] as number, input.of(FLAGS)),
  (sockets, input, argument) => {
    const socket = fd(input);
    sockets.try(`shutdown(${socket}, ${argument & 3})`, (posix) => posix.shutdown(socket, argument & 3));
  },
  (sockets, input) => {
    const socket = fd(input);
    sockets.try(`close(${socket})`, (posix) => posix.close(socket));
  },
  (sockets, input) => option(sockets, input, true),
  (sockets, input) => option(sockets, input, false),
  (sockets, _input, argument) => sockets.chooseHost(argument & 1),
  (sockets, _input, argument) => {
    sockets.log?.(`${MILLISECONDS[argument]} ms pass`);
    sockets.hosts.advanceBy((MILLISECONDS[argument] as number) * 1000);
  },
  (sockets, _input, argument) => {
    sockets.hosts.toLose = argument;
  },
  pair,
  (sockets, input, argument) => {
    const socket = fd(input);
    const request = REQUESTS[argument % REQUESTS.length] as number;
    sockets.try(`ioctl(${socket}, ${request})`, (posix) => posix.ioctl(socket, request, 1));
  },
  (sockets, input, argument) => {
    const socket = fd(input);
    sockets.try(`fcntl(${socket}, ${argument})`, (posix) => posix.fcntl(socket, argument, 0o4000));
  },
  (sockets, input) => {
    const socket = fd(input);
    const bits = sockets.posix.poll(socket);
    assert.ok(bits >= 0 && bits <= 0x3fff, `poll says ${bits}`);
    sockets.try(`getsockname(${socket})`, (posix) => posix.getsockname(socket));
    sockets.try(`getpeername(${socket})`, (posix) => posix.getpeername(socket));
  },
  (sockets, input, argument) => {
    const socket = fd(input);
    // A handler that calls, as handlers do.
    const handler = sockets.onThisHost(() => sockets.read(socket, 4096, 0));
    sockets.try(`onReadiness(${socket})`, (posix) =>
      posix.onReadiness(socket, argument === 0 ? null : handler),
    );
  },
];

export function fuzz(data: Uint8Array, log: ((line: string) => void) | null = null): void {
  const input = new ByteReader(data);
  const sockets = new Sockets(input.of(CONFIGURATIONS), log);
  for (let steps = 0; steps < MOST_STEPS && !input.done; steps++) {
    const byte = input.u8();
    (STEPS[(byte & 31) % STEPS.length] as Step)(sockets, input, byte >> 5);
    sockets.hosts.check();
  }
  sockets.closeAll();
  sockets.hosts.finish();
}
