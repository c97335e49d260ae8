/**
 * One stack on a virtual clock between far ends that an input plays, with everything watched that must
 * hold whatever comes in. `check` throws when something does not.
 */

import assert from 'node:assert/strict';
import { SeededRandom } from '../../../src/base/random.ts';
import { REASON } from '../../../src/base/reasons.ts';
import { type VirtualClock, virtualClock } from '../../../src/base/virtual-clock.ts';
import { type PacketDevice, packetDevice } from '../../../src/device/packet-device.ts';
import { checkConnection } from '../../../src/sim/invariants.ts';
import { Stack } from '../../../src/stack/stack.ts';
import type { Listener } from '../../../src/tcp/listener.ts';
import { KIND_CONNECTION, type Tcb } from '../../../src/tcp/tcb.ts';
import { ARCS, ARCS_FROM_ANY } from '../../../src/tcp/transitions.ts';
import { TeeTrace } from '../../../src/trace/tee.ts';
import { type DecodedSegment, decodePacket } from '../../support/segment.ts';
import { StateTrace } from '../../support/states.ts';
import { checkAccounting } from './accounting.ts';
import type { Configuration } from './configurations.ts';
import { type Built, FarEnd } from './far-end.ts';
import { describe, isReset } from './packets.ts';
import { applicationByte } from './streams.ts';
import { allowed, type Behaviour, HandlerError, User } from './user.ts';
import { CheckedTape, readLog } from './watchers.ts';

const arrows = new Set<string>(ARCS.map(({ from, on, to }) => `${from} ${on} ${to}`));
const anywhere = new Set<string>(ARCS_FROM_ANY.map(({ on }) => on));

const MAX_USERS = 12;
const FAR_ENDS = 4;
/** Packets kept for ICMP errors and for repetition. */
const REMEMBERED = 16;
/** Segments without data in answer to one packet; each call that a handler makes may cause two more. */
const ANSWERS = 3;
/** Packets in any one step, however long the time that it lets pass. */
const MOST_PACKETS = 20_000;

export class Machine {
  readonly clock: VirtualClock = virtualClock(1_000_000_000);
  readonly device: PacketDevice;
  readonly stack: Stack;
  readonly trace = new StateTrace();
  readonly farEnds: readonly FarEnd[] = Array.from({ length: FAR_ENDS }, (_, index) => new FarEnd(index));
  readonly users: User[] = [];
  readonly listeners: Listener[] = [];
  /** The last packets that the stack has sent, and that it was given. */
  readonly sent: Uint8Array[] = [];
  readonly given: Built[] = [];
  behaviour: Behaviour = 'idle';
  /** Somebody has sent bytes that are not `peerByte`'s: what is read is not compared any more. */
  suspect = false;
  /** Hears what happens, for people who look for the reason of a crash. */
  log: ((line: string) => void) | null = null;
  /** Packets that wait to be given in one turn, and how many are still to come. */
  private readonly held: Built[] = [];
  private toHold = 0;
  /** What was wrong with a packet that the stack sent. */
  private complaint: Error | null = null;
  private segmentsWithoutData = 0;
  private dataSent = 0;
  private resets = 0;
  private packetsSent = 0;
  private readonly edges = new WeakMap<Tcb, { irs: number; edge: number }>();
  /** The largest limit of each receive buffer. */
  private readonly limits = new WeakMap<Tcb, number>();
  private readonly iss = new Map<string, number>();

  private readonly tape: CheckedTape | null;

  constructor({ profile, offload, mtu, values, watch }: Configuration) {
    this.tape = watch === 'tape' ? new CheckedTape() : null;
    this.device = packetDevice({ mtu, offload });
    this.stack = new Stack({
      device: this.device,
      address: ['10.9.0.2/24'],
      clock: this.clock,
      random: new SeededRandom(1),
      profile,
      config: values,
      trace: watch === 'log' ? new TeeTrace([this.trace, readLog(this.clock)]) : this.trace,
      record: this.tape?.tape ?? null,
    });
    this.device.onPacket((packet) => this.leaves(packet));
  }

  get milliseconds(): number {
    return this.clock.now / 1000;
  }

  /** ms since the beginning, for the log. */
  get time(): string {
    return ((this.clock.now - 1_000_000_000) / 1000).toFixed(3).padStart(12);
  }

  /** The stack's side of a far end's connection; perhaps the scratch block of a compact record. */
  tcbOf(far: FarEnd): Tcb | null {
    return this.stack.tcp.connectionBetween(0x0a090002, far.stackPort, far.address | 0, far.port);
  }

  // ── What an input does ─────────────────────────────────────────────────────────────────────

  /** The next `count` packets come in one turn. */
  hold(count: number): void {
    this.release();
    this.toHold = count;
  }

  give(built: Built): void {
    if (this.given.length === REMEMBERED) this.given.shift();
    this.given.push(built);
    if (built.suspect) this.suspect = true;
    this.log?.(`${this.time}  in   ${describe(built.packet)}`);
    if (this.toHold === 0) {
      const resets = this.resets;
      this.answering(this.segmentsIn(built), () => this.inject(built));
      if (isReset(built)) assert.equal(this.resets, resets, 'a reset in answer to a reset');
      return;
    }
    this.held.push(built);
    if (this.held.length >= this.toHold) this.release();
  }

  /** Gives what is held. */
  release(): void {
    this.toHold = 0;
    const packets = this.held.splice(0);
    if (packets.length === 0) return;
    let done = false;
    const user = {
      nextDeadline: () => (done ? Infinity : this.clock.now),
      runDue: () => {
        done = true;
        for (const packet of packets) this.inject(packet);
      },
    };
    const segments = packets.reduce((sum, packet) => sum + this.segmentsIn(packet), 0);
    this.answering(segments, () => {
      this.clock.register(user);
      try {
        this.clock.settle();
      } finally {
        this.clock.unregister(user);
      }
    });
  }

  /** Lets time pass, at most until `time` (absolute µs). */
  advanceTo(time: number): void {
    this.release();
    this.packetsSent = 0;
    // A handler that throws stops the clock where it is.
    for (let stops = 0; this.clock.now < time; stops++) {
      assert.ok(stops < 1000, 'time does not pass');
      this.handled(() => this.clock.advanceTo(time));
    }
    assert.ok(this.packetsSent <= MOST_PACKETS, `${this.packetsSent} packets`);
    this.check();
  }

  /** Any call of the user, from outside of a turn. */
  call(what: () => void): void {
    this.stack.refreshClock();
    allowed(what);
    this.handled(() => this.stack.settle());
    this.check();
  }

  listen(port: number, backlog: number): void {
    const { tcp } = this.stack;
    const owner = { connectionsWaiting: (listener: Listener) => this.waiting(listener) };
    this.call(() => {
      this.listeners.push(tcp.listen({ address: 0, port, backlog }, owner));
    });
  }

  accept(listener: Listener): void {
    if (this.users.length >= MAX_USERS) return;
    const user = this.newUser();
    const tcb = this.stack.tcp.accept(listener, user);
    if (tcb === null) return;
    user.tcb = tcb;
    this.users.push(user);
  }

  connect(far: FarEnd, localPort: number): void {
    if (this.users.length >= MAX_USERS) return;
    const user = this.newUser();
    this.call(() => {
      const peer = { peerAddress: far.address | 0, peerPort: far.port };
      const tcb = this.stack.tcp.connect({ localAddress: 0, localPort, ...peer }, user);
      user.tcb = tcb;
      this.users.push(user);
      far.stackPort = tcb.localPort;
    });
  }

  // ── What must hold ─────────────────────────────────────────────────────────────────────────

  /** After every step. */
  check(): void {
    if (this.complaint !== null) throw this.complaint;
    const { stack } = this;
    if (stack.guarded !== null) throw stack.guarded;
    assert.equal(stack.counters.byReason[REASON.PACKET_GUARD], 0, 'PACKET_GUARD');
    for (const { from, on, to } of this.trace.changes.splice(0)) {
      this.log?.(`${this.time}       ${from} -(${on})-> ${to}`);
      const known = arrows.has(`${from} ${on} ${to}`) || (anywhere.has(on) && to === 'CLOSED');
      assert.ok(known, `${from} -(${on})-> ${to} is no arrow`);
    }
    const { now } = this.clock;
    assert.ok(stack.nextDeadline() > now, 'a turn is due and does not run');
    stack.tcp.forEachConnection((tcb) => {
      this.checkVariables(tcb, now);
      if (tcb.kind === KIND_CONNECTION) checkAccounting(tcb);
      this.checkEdge(tcb);
    });
  }

  /** A user who makes the buffer smaller does not take back what was offered before. */
  private checkVariables(tcb: Tcb, now: number): void {
    if (tcb.kind !== KIND_CONNECTION) {
      checkConnection(tcb, now);
      return;
    }
    const limit = tcb.limits.receive;
    const most = Math.max(limit, this.limits.get(tcb) ?? 0);
    this.limits.set(tcb, most);
    tcb.limits.receive = most;
    try {
      checkConnection(tcb, now);
    } finally {
      tcb.limits.receive = limit;
    }
  }

  /** After everything: all is closed, time passes, nothing is left. */
  finish(abort: boolean): void {
    this.release();
    this.behaviour = 'read';
    for (const user of this.users) user.behaviour = 'read';
    this.device.unblock();
    this.call(() => undefined);
    for (const listener of this.listeners.splice(0)) this.call(() => this.stack.tcp.closeListener(listener));
    for (const user of this.users) {
      const { tcb } = user;
      this.call(() => {
        if (abort && tcb !== null) this.stack.tcp.abort(tcb);
        user.close();
      });
    }
    const DAY = 24 * 3600 * 1e6;
    this.advanceTo(this.clock.now + DAY);
    const { memory, ...tables } = this.stack.tcp.stats;
    const none = {
      connections: 0,
      timeWait: 0,
      synReceived: 0,
      orphans: 0,
      flows: 0,
      listeners: 0,
      timers: 0,
    };
    assert.deepEqual(tables, none, 'a day after everything was closed');
    assert.equal(memory, 0, 'bytes of buffers that nobody gave back');
    assert.equal(this.stack.nextDeadline(), Infinity, 'a timer that belongs to nothing');
    this.tape?.check();
  }

  private newUser(): User {
    return new User(this.stack, this.behaviour, () => this.suspect);
  }

  /** A handler of the input's listeners: with `idle` connections wait until a step accepts them. */
  private waiting(listener: Listener): void {
    if (this.behaviour === 'idle') return;
    while (listener.acceptQueue.length > 0 && this.users.length < MAX_USERS) this.accept(listener);
  }

  /** Runs something that may end with a handler's own error, which is not ours. */
  private handled(what: () => void): void {
    for (let tries = 0; ; tries++) {
      assert.ok(tries < 1000, 'a handler throws for ever');
      try {
        what();
        return;
      } catch (error) {
        if (!(error instanceof HandlerError)) throw error;
      }
      what = () => this.stack.settle();
    }
  }

  private inject({ packet, checksum, gsoSize }: Built): void {
    this.device.inject(packet, gsoSize > 0 ? { checksum, gsoSize } : { checksum });
  }

  /** A super-packet stands for as many segments of the wire, each of which may earn an answer. */
  private segmentsIn({ packet, gsoSize }: Built): number {
    const perSegment =
      gsoSize > 0 ? gsoSize : this.device.segmentationLimit > 0 ? this.device.mtu - 120 : Infinity;
    return Math.max(1, Math.ceil(packet.length / perSegment));
  }

  /** `segments` are given: what goes out at once is within bounds. */
  private answering(segments: number, give: () => void): void {
    let queued = 0;
    this.stack.tcp.forEachConnection((tcb) => {
      if (tcb.kind === KIND_CONNECTION) queued += tcb.sendBuffer.length;
    });
    const before = this.writtenByUsers();
    this.segmentsWithoutData = 0;
    this.dataSent = 0;
    this.handled(give);
    queued += this.writtenByUsers() - before;
    const bare = ANSWERS * segments + 2 * this.users.length;
    assert.ok(
      this.segmentsWithoutData <= bare,
      `${this.segmentsWithoutData} answers to ${segments} segments`,
    );
    assert.ok(this.dataSent <= queued * segments, `${this.dataSent} bytes sent, ${queued} were queued`);
    this.check();
  }

  private writtenByUsers(): number {
    return this.users.reduce((sum, user) => sum + user.written, 0);
  }

  /** SHLD-14: the right edge of the window never moves left. */
  private checkEdge(tcb: Tcb): void {
    if (tcb.kind !== KIND_CONNECTION || tcb.state === 'SYN-SENT') return;
    const { irs, nxt, wnd } = tcb.rcv;
    assert.ok(wnd >= 0, `RCV.WND is ${wnd}`);
    const edge = (nxt + wnd) | 0;
    const before = this.edges.get(tcb);
    const moved = before === undefined || before.irs !== irs ? 0 : (edge - before.edge) | 0;
    assert.ok(moved >= 0, `c${tcb.id} in ${tcb.state}: the window’s right edge moved by ${moved}`);
    this.edges.set(tcb, { irs, edge });
  }

  /** Looks at a packet of the stack; in its transmit phase, so errors are kept for `check`. */
  private leaves(packet: Uint8Array): void {
    this.packetsSent++;
    if (this.sent.length === REMEMBERED) this.sent.shift();
    this.sent.push(packet);
    this.tape?.take(packet);
    this.log?.(`${this.time}    out ${describe(packet)}`);
    try {
      assert.ok(this.device.segmentationLimit > 0 || packet.length <= this.device.mtu, 'larger than the MTU');
      // Fragments are for ICMP only; what they are in is looked at by the target of reassembly.
      if (((packet[6] as number) & 0x3f) !== 0 || packet[7] !== 0) return;
      const segment = decodePacket(packet);
      if (segment === null) return;
      if (segment.payload.length === 0) this.segmentsWithoutData++;
      this.dataSent += segment.payload.length;
      if (segment.flags.includes('R')) this.resets++;
      this.checkData(segment);
      this.farEnds.find((far) => isFor(segment, far))?.take(segment);
    } catch (error) {
      this.complaint ??= error as Error;
    }
  }

  /** Every byte sent is the application's byte at that place. */
  private checkData(segment: DecodedSegment): void {
    const flow = `${segment.sourcePort} ${segment.destination} ${segment.destinationPort}`;
    if (segment.flags.includes('S')) this.iss.set(flow, segment.seq);
    const iss = this.iss.get(flow);
    if (segment.payload.length === 0) return;
    assert.ok(iss !== undefined && !segment.flags.includes('R'), `data in ${segment.flags} of no connection`);
    const first = (segment.seq - iss - 1) | 0;
    segment.payload.forEach((byte, i) => {
      if (byte !== applicationByte(first + i)) assert.fail(`byte ${first + i} sent is ${byte}`);
    });
  }
}

function isFor(segment: DecodedSegment, far: FarEnd): boolean {
  return (
    segment.destination === far.address &&
    segment.destinationPort === far.port &&
    segment.sourcePort === far.stackPort
  );
}
