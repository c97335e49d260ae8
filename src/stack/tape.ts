/**
 * The engine's input interface: everything that can differ between two runs passes here. A stack
 * without a tape pays a null check; with one, its clock, random source, device and calls are wrapped,
 * and the recording that results makes the same stack do the same again, byte for byte.
 */

import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Device, DeviceListener } from '../device/device.ts';
import type { CallName, CallTape } from '../tcp/call-tape.ts';
import type { TcpEngine } from '../tcp/engine.ts';
import type { Frame } from '../wire/frame.ts';
import type { Packet } from '../wire/packet.ts';
import { PacketDigest } from './packet-digest.ts';
import * as format from './tape-format.ts';

/** What a recording begins with. */
export interface TapeHeader {
  readonly addresses: readonly string[];
  readonly mtu: number;
  readonly checksumOffload: boolean;
  readonly segmentationLimit: number;
  readonly loopsBack: boolean;
  /** The configuration resolved: every field of TcpConfig. */
  readonly config: unknown;
}

/** What the recorder of a run says of itself. */
export interface TapeOrigin {
  /** Of the program, e.g. `0.1.0`. */
  readonly version?: string;
  /** When, ISO 8601. */
  readonly date?: string;
  /** Rules that were there from the beginning. */
  readonly faults?: readonly string[];
  /** Of the faults. */
  readonly seed?: number;
  /** Options of the event log. */
  readonly log?: Readonly<Record<string, unknown>>;
}

/** What a stack needs of a tape, be it recording or replaying. */
export interface Tape extends CallTape {
  header(header: TapeHeader): void;
  clock(source: Clock): Clock;
  random(source: Random): Random;
  device(source: Device): Device;
  /** A turn begins. */
  turn(): void;
  turnOver(): void;
  /** Phase 3: `notify` runs the user's code. */
  notifying(engine: TcpEngine, notify: () => void): void;
}

/** 256 MiB of input: an hour of a busy link's headers, or minutes of its bulk. */
export const DEFAULT_CAP = 256 * 1024 * 1024;
/** IPv4 header and the largest TCP header. */
const HEADERS = 80;

export interface RecordingOptions extends TapeOrigin {
  /** Bytes of recording at most: what comes after is not kept. */
  readonly cap?: number;
  /** Gets the recording piece by piece; without one it is kept in memory. */
  readonly sink?: format.TapeSink;
}

/** Takes down a run. */
export class RecordingTape implements Tape {
  private readonly writer: format.TapeWriter;
  private readonly origin: TapeOrigin;
  /** What the event log has read of its clock before the stack was there; null without a log. */
  private logStart: number[] | null = null;
  private begun = false;

  constructor(options: RecordingOptions = {}) {
    const { cap, sink, ...origin } = options;
    this.origin = origin;
    this.writer = new format.TapeWriter(cap ?? DEFAULT_CAP, sink ?? null);
  }

  /** The recording so far, without what the sink has had; `full` says that its end is missing. */
  get recording(): Uint8Array {
    return this.writer.finish();
  }

  get full(): boolean {
    return this.writer.full;
  }

  /** Called once when the cap is reached. */
  set onFull(tell: () => void) {
    this.writer.onFull = tell;
  }

  /** Gives the sink what there is. */
  flush(): void {
    this.writer.flush();
  }

  header(header: TapeHeader): void {
    this.writer.text(format.ENTRY_HEADER, { ...header, ...this.origin, logStart: this.logStart });
    this.begun = true;
  }

  clock(source: Clock): Clock {
    const writer = this.writer;
    return {
      get now(): number {
        const now = source.now;
        writer.number(format.ENTRY_CLOCK, now);
        return now;
      },
    };
  }

  /** The clock of the event log. A replay's log has the same times and numbers then. */
  logClock(source: Clock): Clock {
    const now = (): number => {
      const value = source.now;
      if (this.begun) this.writer.number(format.ENTRY_LOG_CLOCK, value);
      else this.logStart?.push(value);
      return value;
    };
    this.logStart = [];
    return {
      get now(): number {
        return now();
      },
    };
  }

  /** Before somebody who is not the stack calls a method of the event log. */
  logCall(name: string, values: readonly unknown[]): void {
    this.writer.text(format.ENTRY_LOG_CALL, [name, ...values]);
  }

  /** A packet that came off the wire meets fault rules. */
  offTheWire(time: number, bytes: Uint8Array): void {
    this.writer.numbered(format.ENTRY_WIRE, time, bytes);
  }

  /** The stack gets a packet that the fault layer had in its hands. */
  fromRules(): void {
    this.writer.mark(format.ENTRY_FROM_RULES);
  }

  random(source: Random): Random {
    return {
      fill: (bytes) => {
        source.fill(bytes);
        const { buffer, byteOffset, byteLength } = bytes;
        this.writer.entry(format.ENTRY_RANDOM, new Uint8Array(buffer, byteOffset, byteLength));
      },
    };
  }

  device(source: Device): Device {
    return new RecordedDevice(source, this.writer);
  }

  turn(): void {
    this.writer.mark(format.ENTRY_TURN);
  }

  turnOver(): void {
    this.writer.mark(format.ENTRY_TURN_OVER);
  }

  notifying(_engine: TcpEngine, notify: () => void): void {
    this.writer.mark(format.ENTRY_NOTIFY);
    try {
      notify();
    } finally {
      this.writer.mark(format.ENTRY_NOTIFIED);
    }
  }

  call(name: CallName, subject: number, detail: unknown): void {
    if (name === 'send') this.writer.numbered(format.ENTRY_SEND, subject, detail as Uint8Array);
    else this.writer.text(format.ENTRY_CALL, [name, subject, detail]);
  }

  /** The run is over. */
  end(): void {
    this.writer.mark(format.ENTRY_END);
    this.writer.flush();
  }
}

/** Passes everything through and takes down what comes in: packets, and what the device could not take. */
class RecordedDevice implements Device {
  private readonly source: Device;
  private readonly writer: format.TapeWriter;
  private readonly digest = new PacketDigest();
  /** What a replay knows of the device's room. */
  private open = true;

  constructor(source: Device, writer: format.TapeWriter) {
    this.source = source;
    this.writer = writer;
  }

  get name(): string {
    return this.source.name;
  }
  get mtu(): number {
    return this.source.mtu;
  }
  get checksumOffload(): boolean {
    return this.source.checksumOffload;
  }
  get segmentationLimit(): number {
    return this.source.segmentationLimit;
  }
  get loopsBack(): boolean {
    return this.source.loopsBack === true;
  }

  get writable(): boolean {
    const open = this.source.writable;
    if (open !== this.open) {
      this.open = open;
      this.writer.mark(open ? format.ENTRY_OPEN : format.ENTRY_SHUT);
    }
    return open;
  }

  attach(listener: DeviceListener): void {
    this.source.attach({
      readable: () => listener.readable(),
      writable: () => {
        this.open = true;
        this.writer.mark(format.ENTRY_WRITABLE);
        listener.writable();
      },
      lost: (reason) => listener.lost?.(reason),
      failed: (error) => listener.failed(error),
    });
  }

  receive(packet: Packet): boolean {
    if (!this.source.receive(packet)) return false;
    this.writer.packet(packet.bytes.subarray(packet.start, packet.end), packet.gsoSize, packet.checksum);
    return true;
  }

  poll(): boolean {
    return this.source.poll?.() === true;
  }

  send(frame: Frame): boolean {
    const { digest, writer } = this;
    digest.of(frame);
    writer.sent(digest.length, digest.digest, digest.packet.subarray(0, HEADERS));
    const more = this.source.send(frame);
    if (!more) {
      this.open = false;
      writer.mark(format.ENTRY_BLOCKED);
    }
    return more;
  }

  close(): Promise<void> {
    return this.source.close();
  }
}
