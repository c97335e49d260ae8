/**
 * A ladder on a virtual clock: our stack at A, and one with the profile `linux` in the kernel's place at
 * B, or the other way round. For what takes minutes, hours or weeks.
 */

import assert from 'node:assert/strict';
import { createPosix, POLLERR, POLLHUP, type Posix, PosixError, SHUT_WR } from '../../../src/posix/index.ts';
import { type Aim, Host, Link, World } from '../../../src/sim/index.ts';
import type { ConfigValue, Profile } from '../../../src/stack/config.ts';
import type { ConnectionRecord } from '../../../src/stack/connection-record.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { difference, type Line, matchRungs, parseLadder, parseLine, type Rung, RungReader } from './rungs.ts';
import { Watch } from './watch.ts';

export const SECOND = 1_000_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const ADDRESS = { A: '10.9.0.1', B: '10.9.0.2' } as const;
type Name = 'A' | 'B';

export interface VirtualOptions {
  /** Of A; B has `linux`. */
  readonly profile?: Profile;
  readonly config?: Readonly<Record<string, ConfigValue>>;
  readonly configOfB?: Readonly<Record<string, ConfigValue>>;
  /** One way, µs. */
  readonly delay?: number;
}

/** An end with its sockets. */
export class VirtualEnd {
  readonly stack: Stack;
  readonly posix: Posix;
  readonly watch: Watch;
  private readonly peer: string;
  private readonly address: string;

  constructor(host: Host, watch: Watch, name: Name) {
    this.stack = host.stack;
    this.posix = createPosix(host.stack);
    this.watch = watch;
    this.address = ADDRESS[name];
    this.peer = ADDRESS[name === 'A' ? 'B' : 'A'];
  }

  listen(port: number): number {
    const fd = this.posix.socket();
    this.posix.setsockopt(fd, 'SOL_SOCKET', 'SO_REUSEADDR', 1);
    this.posix.bind(fd, { address: this.address, port });
    this.posix.listen(fd, 8);
    return fd;
  }

  /** Returns at once, the SYN sent. */
  connect(port: number): number {
    const fd = this.posix.socket();
    try {
      this.posix.connect(fd, { address: this.peer, port });
    } catch (error) {
      if (!(error instanceof PosixError) || error.code !== 'EINPROGRESS') throw error;
    }
    return fd;
  }

  send(fd: number, text: string): void {
    this.posix.send(fd, new TextEncoder().encode(text));
  }

  shutdown(fd: number): void {
    this.posix.shutdown(fd, SHUT_WR);
  }

  /** '' while all is well. */
  error(fd: number): string {
    if ((this.posix.poll(fd) & (POLLERR | POLLHUP)) === 0) return '';
    try {
      this.posix.recv(fd, new Uint8Array(1));
      return '';
    } catch (error) {
      return error instanceof PosixError ? error.code : String(error);
    }
  }

  get connection(): ConnectionRecord | undefined {
    return this.stack.connections().find(({ state }) => state !== 'LISTEN') as ConnectionRecord | undefined;
  }

  get state(): string {
    return this.connection?.state ?? 'CLOSED';
  }

  /** `time-wait 60s`, to the millisecond. */
  get timers(): string[] {
    return (this.connection?.timers ?? []).map(({ name, remainingMs }) => `${name} ${remainingMs / 1000}s`);
  }
}

export class VirtualScene {
  readonly world = new World({ seed: 1 });
  readonly rungs: Rung[] = [];
  readonly a: VirtualEnd;
  readonly b: VirtualEnd;
  private readonly link: Link;
  private readonly reader = new RungReader(ADDRESS.A);
  private readonly losses: { line: Line; left: number }[] = [];
  private isCut = false;
  private seen = 0;

  constructor({ profile = 'default', config = {}, configOfB = {}, delay = 0 }: VirtualOptions = {}) {
    const { world } = this;
    const impairments = { delay, aim: (packet: Uint8Array): Aim | undefined => this.fateOf(packet) };
    this.link = new Link(world, { impairments });
    const [watchA, watchB] = [new Watch(), new Watch()];
    const address = (name: Name): string => `${ADDRESS[name]}/24`;
    const a = new Host(world, this.link.a, {
      name: 'a',
      address: address('A'),
      profile,
      config,
      trace: watchA,
    });
    const b = new Host(world, this.link.b, {
      name: 'b',
      address: address('B'),
      profile: 'linux',
      config: configOfB,
      trace: watchB,
    });
    this.a = new VirtualEnd(a, watchA, 'A');
    this.b = new VirtualEnd(b, watchB, 'B');
  }

  private fateOf(packet: Uint8Array): Aim | undefined {
    const rung = this.reader.read(packet, this.now);
    if (rung === null) return undefined;
    this.rungs.push(rung);
    const loss = this.losses.find(({ left, line }) => left > 0 && difference(line, rung, undefined) === null);
    if (loss !== undefined) loss.left--;
    if (loss === undefined && !this.isCut) return undefined;
    rung.fate = 'LOST';
    return { drop: true };
  }

  /** ms. */
  get now(): number {
    return this.world.clock.now / 1000;
  }

  lose(line: string, times = 1): void {
    this.losses.push({ line: parseLine(line), left: times });
  }

  /** Nothing gets through any more, either way. */
  cut(): void {
    this.isCut = true;
  }

  mend(): void {
    this.isCut = false;
  }

  /** µs. */
  run(duration: number): void {
    this.world.run(duration);
  }

  /** A connection from A to a port of B, the handshake seen; the sockets. */
  connect(port = 1234): { listening: number; a: number; b: number } {
    const listening = this.b.listen(port);
    const a = this.a.connect(port);
    this.run(SECOND);
    const b = this.b.posix.accept(listening).fd;
    this.expect(`
      A>B SYN 0
      B>A SYN,ACK 0 ack 1
      A>B ACK 1 ack 1`);
    return { listening, a, b };
  }

  /** The segments since the last call are these lines, no more and no less. */
  expect(ladder: string): Rung[] {
    const matched = matchRungs(this.rungs, this.seen, parseLadder(ladder));
    this.seen = this.rungs.length;
    return matched;
  }

  /** When each segment since the last `expect` was sent, whole seconds after `since` (ms), and what it is. */
  times(since: number): string[] {
    const rungs = this.rungs.slice(this.seen);
    this.seen = this.rungs.length;
    return rungs.map(({ at, from, flags }) => `${Math.round((at - since) / 1000)} ${from} ${flags}`);
  }

  states(a: string, b: string): void {
    assert.deepEqual([this.a.state, this.b.state], [a, b]);
  }

  /** Nothing threw in either stack. */
  check(): void {
    assert.equal(this.a.stack.guarded, null);
    assert.equal(this.b.stack.guarded, null);
  }
}
