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
import {
  ENTRY_BLOCKED,
  ENTRY_CALL,
  ENTRY_CLOCK,
  ENTRY_HEADER,
  ENTRY_NOTIFIED,
  ENTRY_NOTIFY,
  ENTRY_RANDOM,
  ENTRY_TURN,
  ENTRY_WRITABLE,
  TapeWriter,
} from './tape-format.ts';

/** What a recording begins with. */
export interface TapeHeader {
  readonly fourwave: 1;
  readonly addresses: readonly string[];
  readonly mtu: number;
  readonly checksumOffload: boolean;
  readonly segmentationLimit: number;
  /** The configuration resolved: every field of TcpConfig. */
  readonly config: unknown;
}

/** What a stack needs of a tape, be it recording or replaying. */
export interface Tape extends CallTape {
  header(header: TapeHeader): void;
  clock(source: Clock): Clock;
  random(source: Random): Random;
  device(source: Device): Device;
  /** A turn begins. */
  turn(): void;
  /** Phase 3: `notify` runs the user's code. */
  notifying(engine: TcpEngine, notify: () => void): void;
}

/** 256 MiB of input: an hour of a busy link's headers, or minutes of its bulk. */
const DEFAULT_CAP = 256 * 1024 * 1024;

/** Takes down a run. */
export class RecordingTape implements Tape {
  private readonly writer: TapeWriter;

  /** `cap`: bytes of recording at most. */
  constructor(cap = DEFAULT_CAP) {
    this.writer = new TapeWriter(cap);
  }

  /** The recording so far; `full` says that its end is missing. */
  get recording(): Uint8Array {
    return this.writer.finish();
  }

  get full(): boolean {
    return this.writer.full;
  }

  header(header: TapeHeader): void {
    this.writer.text(ENTRY_HEADER, header);
  }

  clock(source: Clock): Clock {
    const writer = this.writer;
    return {
      get now(): number {
        const now = source.now;
        writer.number(ENTRY_CLOCK, now);
        return now;
      },
    };
  }

  random(source: Random): Random {
    return {
      fill: (bytes) => {
        source.fill(bytes);
        this.writer.entry(ENTRY_RANDOM, bytes);
      },
    };
  }

  device(source: Device): Device {
    return new RecordedDevice(source, this.writer);
  }

  turn(): void {
    this.writer.mark(ENTRY_TURN);
  }

  notifying(_engine: TcpEngine, notify: () => void): void {
    this.writer.mark(ENTRY_NOTIFY);
    try {
      notify();
    } finally {
      this.writer.mark(ENTRY_NOTIFIED);
    }
  }

  call(name: CallName, subject: number, detail: unknown): void {
    this.writer.text(ENTRY_CALL, [name, subject, detail]);
  }
}

/** Passes everything through and takes down what comes in: packets, and what the device could not take. */
class RecordedDevice implements Device {
  private readonly source: Device;
  private readonly writer: TapeWriter;
  /** Frames sent: says after which one the device was full. */
  private sent = 0;

  constructor(source: Device, writer: TapeWriter) {
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
  get writable(): boolean {
    return this.source.writable;
  }

  attach(listener: DeviceListener): void {
    this.source.attach({
      readable: () => listener.readable(),
      writable: () => {
        this.writer.mark(ENTRY_WRITABLE);
        listener.writable();
      },
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
    const more = this.source.send(frame);
    this.sent++;
    if (!more) this.writer.number(ENTRY_BLOCKED, this.sent);
    return more;
  }

  close(): Promise<void> {
    return this.source.close();
  }
}
