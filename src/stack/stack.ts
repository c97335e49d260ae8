/** Device + IP + TCP → one stack, and the turn that is all it ever does. The composition root. */

import type { Clock } from '../base/clock.ts';
import { Counters } from '../base/counters.ts';
import type { Random } from '../base/random.ts';
import { REASON, type Reason } from '../base/reasons.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import type { Device, DeviceListener } from '../device/device.ts';
import { LocalAddresses } from '../ip/addresses.ts';
import { Ip } from '../ip/ip.ts';
import type { IpTrace } from '../ip/trace.ts';
import { TcpEngine } from '../tcp/engine.ts';
import type { Siblings } from '../tcp/siblings.ts';
import type { TcpConfig } from '../tcp/tcp-config.ts';
import type { TcpTrace } from '../tcp/trace.ts';
import { parseAddress } from '../wire/address.ts';
import { Packet } from '../wire/packet.ts';
import { applyConfig, type ConfigValue, type Profile, resolveConfig } from './config.ts';
import { type ConnectionRecord, connectionRecord, listenerRecord } from './connection-record.ts';
import type { Tape, TapeHeader } from './tape.ts';
import { TurnClock } from './turn-clock.ts';

/** Runs turns when they are asked for and when they are due. A virtual clock does it by itself. */
export interface TurnScheduler {
  /** A turn, as soon as the callback that runs now and its microtasks are over. */
  requestTurn(): void;
  /** A turn has left something over: the next one, after the loop has polled. */
  continueTurn(): void;
  /** The next turn is due at `deadline` (absolute µs or Infinity) at the latest. */
  setDeadline(deadline: number): void;
  /** No turns any more. */
  stop(): void;
}

export interface StackOptions {
  readonly device: Device;
  /** `10.9.0.2`, or with its prefix `192.168.0.1/16`; several for several addresses. */
  readonly address: string | readonly string[];
  /** Default: the device's. Bytes. */
  readonly mtu?: number;
  readonly clock: Clock;
  /** Where secrets come from: a CSPRNG, but for simulators. */
  readonly random: Random;
  /** Stacks that share our addresses: the workers of several queues. */
  readonly siblings?: Siblings | undefined;
  readonly profile?: Profile;
  readonly config?: Readonly<Record<string, ConfigValue>>;
  /** A configuration already resolved, in place of `profile` and `config`: a recording's. */
  readonly resolved?: TcpConfig;
  readonly trace?: (TcpTrace & IpTrace) | null;
  /** Takes down everything that can differ between two runs. */
  readonly record?: Tape | null;
}

/** The world with a tape between it and the stack. */
function tapedWorld(
  tape: Tape,
  options: StackOptions,
  known: Pick<TapeHeader, 'addresses' | 'mtu' | 'config'>,
): { random: Random; device: Device; clock: Clock } {
  const { checksumOffload, segmentationLimit, loopsBack } = options.device;
  tape.header({ ...known, checksumOffload, segmentationLimit, loopsBack: loopsBack === true });
  return {
    random: tape.random(options.random),
    device: tape.device(options.device),
    clock: tape.clock(options.clock),
  };
}

function parseEndpoint(text: string): { address: number; port: number } | null {
  const colon = text.lastIndexOf(':');
  const address = parseAddress(text.slice(0, colon));
  return address === null ? null : { address, port: Number(text.slice(colon + 1)) };
}

/** Packets taken from the device in one turn; more wait for the next. */
const RECEIVE_BUDGET = 256;

export class Stack implements DeviceListener {
  readonly device: Device;
  readonly counters = new Counters();
  readonly clock: TurnClock;
  readonly tcp: TcpEngine;
  readonly addresses: readonly string[];
  readonly profile: Profile;
  /** Set when the device has failed: the stack is dead. */
  failure: Error | null = null;
  /** Told once when the device fails. */
  onFailure: ((error: Error) => void) | null = null;
  /** The last error that processing a packet threw: a bug of ours (N07). */
  guarded: Error | null = null;

  private readonly ip: Ip;
  private readonly packet = new Packet();
  private readonly virtual: VirtualClock | null;
  private readonly tape: Tape | null;
  private scheduler: TurnScheduler | null = null;
  private requested = false;
  private inTurn = false;
  /** The last turn left packets over and let no timer expire. */
  private behind = false;
  private closed = false;

  /** @throws ConfigError, RangeError (an address that is none) */
  constructor(options: StackOptions) {
    this.tape = options.record ?? null;
    this.virtual = options.clock instanceof VirtualClock ? options.clock : null;
    this.profile = options.profile ?? 'default';
    const config = options.resolved ?? resolveConfig(this.profile, options.config ?? {});
    this.addresses = typeof options.address === 'string' ? [options.address] : [...options.address];
    const mtu = options.mtu ?? options.device.mtu;
    const world =
      this.tape === null
        ? options
        : tapedWorld(this.tape, options, { addresses: this.addresses, mtu, config });
    const { random } = world;
    this.device = world.device;
    this.clock = new TurnClock(world.clock);
    const trace = options.trace ?? null;
    const { siblings } = options;
    this.ip = new Ip({
      device: this.device,
      addresses: new LocalAddresses(this.addresses),
      mtu,
      counters: this.counters,
      clock: this.clock,
      random,
      share: siblings,
      trace,
      loopback: options.device.loopsBack ?? false,
    });
    this.tcp = new TcpEngine({
      clock: this.clock,
      random,
      network: this.ip,
      arena: options.device.arena,
      counters: this.counters,
      trace,
      config,
      siblings,
      requestTurn: () => this.requestTurn(),
    });
    this.tcp.tape = this.tape;
    this.ip.register(6, this.tcp);
    this.device.attach(this);
    if (this.virtual !== null) this.virtual.register(this);
  }

  /** A real clock's way to run turns. */
  schedule(scheduler: TurnScheduler): void {
    this.scheduler = scheduler;
    scheduler.setDeadline(this.nextDeadline());
  }

  /** Absolute µs at which a turn is due, or Infinity; not after now when one is asked for. */
  nextDeadline(): number {
    if (this.requested) return this.clock.now;
    return Math.min(this.tcp.nextDeadline, this.ip.nextDeadline);
  }

  /** Asks for a turn. On a virtual clock it runs with the next `settle` or `advanceTo`. */
  requestTurn(): void {
    if (this.requested || this.closed) return;
    this.requested = true;
    if (this.scheduler !== null && !this.inTurn) this.scheduler.requestTurn();
  }

  /** On a virtual clock: runs turns until nothing is due now. On a real one turns come by themselves. */
  settle(): void {
    if (this.virtual !== null && !this.inTurn) this.virtual.settle();
  }

  /** A call from outside of a turn looks at the clock first; see the calls of posix/ and net/. */
  refreshClock(): void {
    if (!this.inTurn) this.clock.refresh();
  }

  /** Looks for packets without waiting to be told, and takes them. True: there were some. */
  pollDevice(): boolean {
    if (this.closed || this.device.poll?.() !== true) return false;
    this.deviceCalls();
    return true;
  }

  /** {@link VirtualClock}'s way to run turns. */
  runDue(): void {
    this.runTurn();
  }

  /** Receive, expire, notify, transmit. An error that a user's handler throws comes out after all four. */
  runTurn(): void {
    if (this.inTurn || this.closed) return;
    this.inTurn = true;
    this.requested = false;
    this.counters.turns++;
    if (this.tape !== null) this.tape.turn();
    this.clock.refresh();
    let more = false;
    try {
      more = this.receive();
      // What is left over may be the ACK that a timer waits for: it has one turn more (N15).
      this.behind = more && !this.behind;
      if (!this.behind) {
        this.ip.expire();
        this.tcp.expire();
      }
      this.notify();
    } finally {
      this.tcp.context.lender.settle();
      // Handlers take time, too: what is sent now is not a round trip older than it is.
      this.clock.refresh();
      // What handlers have asked for is answered by this turn's own fourth phase.
      this.requested = false;
      this.transmit();
      if (this.tape !== null) this.tape.turnOver();
      this.inTurn = false;
      if (more || this.tcp.hasEvents || (this.tcp.hasOutput && this.device.writable)) this.requested = true;
      this.afterTurn();
    }
  }

  // ── DeviceListener ─────────────────────────────────────────────────────────────────────────

  readable(): void {
    this.deviceCalls();
  }

  writable(): void {
    this.deviceCalls();
  }

  lost(reason: Reason): void {
    this.counters.count(reason);
  }

  failed(error: Error): void {
    if (this.failure !== null || this.closed) return;
    this.failure = error;
    this.onFailure?.(error);
  }

  // ── What a user asks ───────────────────────────────────────────────────────────────────────

  /** Changes options for connections opened later. @throws ConfigError, and then nothing is changed. */
  configure(values: Readonly<Record<string, ConfigValue>>): void {
    if (this.tape !== null) this.tape.call('configure', 0, values);
    this.tcp.config = applyConfig(this.tcp.config, values);
  }

  /** What `ss -a --json` prints: listeners, SYN-RECEIVED and TIME-WAIT included. */
  connections(raw = false): ConnectionRecord[] {
    this.refreshClock();
    const records: ConnectionRecord[] = [];
    this.tcp.forEachListener((listener) => records.push(listenerRecord(listener)));
    const now = this.clock.now;
    this.tcp.forEachConnection((tcb) => records.push(connectionRecord(tcb, now, raw)));
    return records;
  }

  /** The connection between two ends, each written `address:port`, or null. */
  connectionBetween(local: string, peer: string): ConnectionRecord | null {
    const [ours, theirs] = [parseEndpoint(local), parseEndpoint(peer)];
    if (ours === null || theirs === null) return null;
    const tcb = this.tcp.connectionBetween(ours.address, ours.port, theirs.address, theirs.port);
    this.refreshClock();
    return tcb === null ? null : connectionRecord(tcb, this.clock.now);
  }

  /** Resets all connections, stops listening, closes the device. */
  async close(): Promise<void> {
    if (this.closed) return;
    if (this.tape !== null) this.tape.call('closeEverything', 0, null);
    this.refreshClock();
    this.tcp.closeEverything();
    if (!this.inTurn) {
      this.transmit();
    }
    this.closed = true;
    this.scheduler?.stop();
    this.virtual?.unregister(this);
    await this.device.close();
  }

  // ── The phases ─────────────────────────────────────────────────────────────────────────────

  /** Phase 1. True when packets were left for the next turn. */
  private receive(): boolean {
    const { device, packet } = this;
    let budget = RECEIVE_BUDGET;
    do {
      while (device.receive(packet)) {
        this.take(packet);
        if (--budget === 0) return true;
      }
      // What a stopped process slept through lies in the device: an ACK there spares a time-out (N15).
    } while (this.nextDeadline() <= this.clock.now && this.look());
    return false;
  }

  /** Asks the device for more than it has shown. */
  private look(): boolean {
    this.tcp.context.lender.settle();
    return this.device.poll?.() === true;
  }

  private take(packet: Packet): void {
    this.counters.packetsReceived++;
    this.counters.bytesReceived += packet.end - packet.start;
    try {
      this.ip.receive(packet);
    } catch (error) {
      this.counters.count(REASON.PACKET_GUARD);
      this.guarded = error as Error;
    }
  }

  /** Phase 3. The tape marks it: calls made in it belong there. */
  private notify(): void {
    if (this.tape === null) this.tcp.notify();
    else this.tape.notifying(this.tcp, () => this.tcp.notify());
  }

  /** Phase 4. */
  private transmit(): void {
    this.ip.transmit();
    this.tcp.transmit();
  }

  private afterTurn(): void {
    const { resting } = this.tcp.context;
    resting.letRest();
    if (this.scheduler === null) return;
    if (this.requested) this.scheduler.continueTurn();
    else this.scheduler.setDeadline(Math.min(this.nextDeadline(), resting.deadline));
  }

  /** Packets came, or may go again: a real device gets its turn at once, from inside its own callback. */
  private deviceCalls(): void {
    if (this.closed) return;
    if (this.virtual !== null || this.inTurn || this.scheduler === null) {
      this.requested = true;
      this.settle();
    } else {
      this.runTurn();
    }
  }
}
