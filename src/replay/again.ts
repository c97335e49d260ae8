/**
 * A recording run again with other fault rules. What came off the wire then comes again at the same
 * times, and users call as they did. As long as nothing is different turns come when they came then;
 * from there on the stack's own timers run on a virtual clock.
 *
 * The other end is on the tape: it does not react to what is different.
 */

import type { Clock } from '../base/clock.ts';
import { type Random, SeededRandom } from '../base/random.ts';
import type { Device, DeviceListener } from '../device/device.ts';
import { FaultDevice } from '../faults/fault-device.ts';
import { lookupIn } from '../faults/stack-lookup.ts';
import type { Timeline } from '../faults/world.ts';
import { loadPacket } from '../stack/replay-device.ts';
import { Stack } from '../stack/stack.ts';
import type { Tape } from '../stack/tape.ts';
import type { RecordedRun } from '../stack/tape-header.ts';
import type { TcpEngine } from '../tcp/engine.ts';
import { TraceRecorder } from '../trace/recorder.ts';
import type { Frame } from '../wire/frame.ts';
import type { Packet } from '../wire/packet.ts';
import type { Step, TakenApart } from './tape-steps.ts';
import type { UserCall } from './user-call.ts';
import { Users } from './users.ts';

/** Turns in a row at one moment: a rule that makes packets of packets must end. */
const MOST_TURNS = 10_000;

export interface AgainOptions {
  readonly run: RecordedRun;
  readonly tape: TakenApart;
  /** All calls in their order. */
  readonly calls: readonly UserCall[];
  /** Lines of the fault language. */
  readonly rules: readonly string[];
  readonly onEvent: (recorder: TraceRecorder) => void;
  /** Whether all events so far are those of the recording. */
  readonly isSame: () => boolean;
}

export class Again implements Tape {
  /** µs. */
  now: number;
  readonly stack: Stack;
  private readonly options: AgainOptions;
  private readonly wire: WireDevice;
  private readonly gate: Gate;
  private readonly layer: FaultDevice;
  private readonly agenda = new AgendaTimeline(() => this.now);
  private readonly recorder: TraceRecorder;
  private readonly users: Users;
  private readonly spare = new SeededRandom(1);
  private randomTaken = 0;
  private callsTaken = 0;
  private step: Step | null = null;
  /** Not the recorded run any more. */
  private diverged = false;

  /** @throws FaultSyntaxError or FaultError */
  constructor(options: AgainOptions) {
    const { run, tape, rules } = options;
    this.options = options;
    this.now = run.logStart?.[0] ?? tape.steps[0]?.times[0] ?? 0;
    this.recorder = new TraceRecorder({ ...run.log, clock: this.clock() });
    this.recorder.onEvent = () => options.onEvent(this.recorder);
    this.wire = new WireDevice(run);
    const seed = run.seed ?? 1;
    this.layer = new FaultDevice(this.wire, { timeline: this.agenda, seed, trace: this.recorder });
    this.gate = new Gate(this.layer);
    this.stack = new Stack({
      device: this.gate,
      address: run.addresses,
      mtu: run.mtu,
      clock: this.clock(),
      random: { fill() {} },
      record: this,
      resolved: run.config,
      trace: this.recorder,
    });
    this.users = new Users(this.stack);
    this.layer.faults.bind(lookupIn(this.stack));
    for (const rule of rules) this.layer.faults.add(rule);
  }

  /** To the end of the recording. */
  run(): void {
    for (const step of this.options.tape.steps) {
      this.perform(step);
      this.diverged ||= !this.options.isSame();
      if (this.diverged) this.gate.openForGood();
    }
  }

  // ── Tape ───────────────────────────────────────────────────────────────────────────────────────

  header(): void {}

  clock(): Clock {
    const now = (): number => this.now;
    return {
      get now(): number {
        return now();
      },
    };
  }

  /** The bytes that it was then, as long as the same are asked for. */
  random(): Random {
    return {
      fill: (bytes) => {
        const recorded = this.options.tape.random[this.randomTaken++];
        const into = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        if (recorded?.length === into.length) into.set(recorded);
        else this.spare.fill(into);
      },
    };
  }

  device(source: Device): Device {
    return source;
  }

  turn(): void {}

  turnOver(): void {}

  notifying(_engine: TcpEngine, notify: () => void): void {
    notify();
    this.call(this.step?.calls ?? 0);
    this.users.goOn();
    const last = this.step?.times.at(-1) ?? this.now;
    this.now = Math.max(this.now, last);
  }

  /** As a tape: users' calls are known. As a method: the next calls of the recording. */
  call(count: number | string): void {
    if (typeof count === 'string') return;
    for (let i = 0; i < count; i++) {
      const call = this.options.calls[this.callsTaken++];
      if (call !== undefined) this.users.call(call);
    }
  }

  // ── Time ───────────────────────────────────────────────────────────────────────────────────────

  private perform(step: Step): void {
    const time = step.times[0];
    if (time !== undefined) this.advance(time);
    switch (step.kind) {
      case 'turn':
        for (const packet of step.packets) this.wire.packets.push(packet);
        this.gate.blocked = this.diverged ? [] : step.blocked;
        this.turnOf(step);
        break;
      case 'clock':
        this.stack.refreshClock();
        break;
      case 'writable':
        this.gate.unblock();
        break;
      default:
        this.call(step.calls);
    }
  }

  private turnOf(step: Step | null): void {
    this.step = step;
    this.gate.sent = 0;
    this.stack.runTurn();
    this.step = null;
  }

  /** What is due before the recording goes on: packets that rules keep, and once it has diverged timers. */
  private advance(time: number): void {
    let turns = 0;
    for (;;) {
      const deadline = this.diverged ? this.stack.nextDeadline() : Number.POSITIVE_INFINITY;
      const next = Math.min(this.agenda.next, deadline);
      if (!(next < time) || turns > MOST_TURNS) break;
      turns = next > this.now ? 0 : turns + 1;
      this.now = Math.max(this.now, next);
      if (this.agenda.next <= this.now) this.agenda.runNext();
      if (this.stack.nextDeadline() <= this.now) this.turnOf(null);
    }
    this.now = Math.max(this.now, time);
  }
}

/** What rules do later, in virtual time. */
class AgendaTimeline implements Timeline {
  private readonly clock: () => number;
  private entries: { time: number; run: () => void }[] = [];

  constructor(clock: () => number) {
    this.clock = clock;
  }

  now(): number {
    return this.clock();
  }

  at(time: number, run: () => void): void {
    let place = this.entries.length;
    while (place > 0 && (this.entries[place - 1] as { time: number }).time > time) place--;
    this.entries.splice(place, 0, { time, run });
  }

  get next(): number {
    return this.entries[0]?.time ?? Number.POSITIVE_INFINITY;
  }

  runNext(): void {
    this.entries.shift()?.run();
  }
}

/** The wire's end: packets of the recording; what goes out has been seen by the log. */
class WireDevice implements Device {
  readonly name = 'replay';
  readonly writable = true;
  readonly mtu: number;
  readonly checksumOffload: boolean;
  readonly segmentationLimit: number;
  readonly loopsBack: boolean;
  readonly packets: Uint8Array[] = [];

  constructor(run: RecordedRun) {
    this.mtu = run.mtu;
    this.checksumOffload = run.checksumOffload;
    this.segmentationLimit = run.segmentationLimit;
    this.loopsBack = run.loopsBack;
  }

  attach(): void {}

  receive(packet: Packet): boolean {
    const next = this.packets.shift();
    if (next === undefined) return false;
    loadPacket(packet, next);
    return true;
  }

  send(): boolean {
    return true;
  }

  async close(): Promise<void> {}
}

/** Holds the stack back where the device of the recording did. */
class Gate implements Device {
  readonly loopsBack: boolean;
  /** After which frames of this turn the device was full. */
  blocked: readonly number[] = [];
  sent = 0;
  private shut = false;
  private readonly inner: Device;
  private listener: DeviceListener | null = null;

  constructor(inner: Device) {
    this.inner = inner;
    this.loopsBack = inner.loopsBack === true;
  }

  get name(): string {
    return this.inner.name;
  }
  get mtu(): number {
    return this.inner.mtu;
  }
  get checksumOffload(): boolean {
    return this.inner.checksumOffload;
  }
  get segmentationLimit(): number {
    return this.inner.segmentationLimit;
  }
  get writable(): boolean {
    return !this.shut && this.inner.writable;
  }

  attach(listener: DeviceListener): void {
    this.listener = listener;
    this.inner.attach(listener);
  }

  receive(packet: Packet): boolean {
    return this.inner.receive(packet);
  }

  send(frame: Frame): boolean {
    const more = this.inner.send(frame);
    this.sent++;
    if (!this.blocked.includes(this.sent)) return more;
    this.shut = true;
    return false;
  }

  unblock(): void {
    this.shut = false;
    this.listener?.writable();
  }

  openForGood(): void {
    this.blocked = [];
    if (this.shut) this.unblock();
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
