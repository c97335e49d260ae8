/** A recording run again: the same stack, fed from the tape, sends the same packets. */

import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Device, DeviceListener } from '../device/device.ts';
import type { IpTrace } from '../ip/trace.ts';
import type { CallName } from '../tcp/call-tape.ts';
import type { KeepAliveOptions, ListenOptions, OpenOptions, TcpEngine } from '../tcp/engine.ts';
import type { ConnectionOwner, ListenerOwner } from '../tcp/events.ts';
import type { Listener } from '../tcp/listener.ts';
import type { Tcb } from '../tcp/tcb.ts';
import type { TcpConfig } from '../tcp/tcp-config.ts';
import type { TcpTrace } from '../tcp/trace.ts';
import type { Frame } from '../wire/frame.ts';
import { CHECKSUM_PARTIAL, CHECKSUM_UNVERIFIED, CHECKSUM_VALID, type Packet } from '../wire/packet.ts';
import type { ConfigValue } from './config.ts';
import { Stack } from './stack.ts';
import type { Tape, TapeHeader } from './tape.ts';
import {
  ENTRY_BLOCKED,
  ENTRY_CALL,
  ENTRY_CLOCK,
  ENTRY_HEADER,
  ENTRY_NOTIFIED,
  ENTRY_NOTIFY,
  ENTRY_PACKET,
  ENTRY_RANDOM,
  ENTRY_TURN,
  ENTRY_WRITABLE,
  TapeReader,
} from './tape-format.ts';

export interface ReplayOptions {
  /** Gets every packet that the stack sends: complete, as bytes of its own. */
  readonly onPacket: (packet: Uint8Array) => void;
  readonly trace?: (TcpTrace & IpTrace) | null;
}

/** Nobody is told: what the users did is on the tape. */
const NOBODY: ConnectionOwner & ListenerOwner = { connectionEvents() {}, connectionsWaiting() {} };

/** Runs a recording to its end. @throws Error when the stack does not do what it did */
export function replay(recording: Uint8Array, options: ReplayOptions): Stack {
  const player = new Player(new TapeReader(recording), options);
  return player.run();
}

class Player implements Tape {
  private readonly reader: TapeReader;
  private readonly options: ReplayOptions;
  private readonly connections = new Map<number, Tcb>();
  private readonly listeners = new Map<number, Listener>();
  private readonly recorded: TapeHeader;
  private readonly replayed: ReplayDevice;

  constructor(reader: TapeReader, options: ReplayOptions) {
    this.reader = reader;
    this.options = options;
    this.recorded = reader.text(ENTRY_HEADER) as TapeHeader;
    this.replayed = new ReplayDevice(reader, this.recorded, options.onPacket);
  }

  run(): Stack {
    const stack = new Stack({
      device: this.replayed,
      address: this.recorded.addresses,
      mtu: this.recorded.mtu,
      clock: { now: 0 },
      random: { fill() {} },
      record: this,
      resolved: this.recorded.config as TcpConfig,
      trace: this.options.trace ?? null,
    });
    for (let code = this.reader.next; code !== 0; code = this.reader.next) {
      if (code === ENTRY_TURN) stack.runTurn();
      else if (code === ENTRY_CALL) this.apply(stack);
      else if (code === ENTRY_CLOCK) stack.refreshClock();
      else if (code === ENTRY_WRITABLE) this.replayed.unblock();
      else
        throw new Error(`the recording has entry ${code} at byte ${this.reader.offset}, outside of a turn`);
    }
    return stack;
  }

  header(): void {}

  clock(): Clock {
    const reader = this.reader;
    return {
      get now(): number {
        return reader.number(ENTRY_CLOCK);
      },
    };
  }

  random(): Random {
    return { fill: (bytes) => bytes.set(this.reader.take(ENTRY_RANDOM)) };
  }

  device(source: Device): Device {
    return source;
  }

  turn(): void {
    this.reader.take(ENTRY_TURN);
  }

  notifying(engine: TcpEngine, notify: () => void): void {
    this.reader.take(ENTRY_NOTIFY);
    notify();
    while (this.reader.next === ENTRY_CALL) this.applyTo(engine, null);
    this.reader.take(ENTRY_NOTIFIED);
  }

  /** The calls come from the tape: nothing to take down. */
  call(): void {}

  private apply(stack: Stack): void {
    this.applyTo(stack.tcp, stack);
  }

  private applyTo(engine: TcpEngine, stack: Stack | null): void {
    const [name, subject, detail] = this.reader.text(ENTRY_CALL) as [CallName, number, unknown];
    try {
      this.perform(engine, stack, [name, subject, detail]);
    } catch (error) {
      // A call that was refused then is refused now; anything else is a divergence.
      if ((error as Error).name !== 'TcpError' && (error as Error).name !== 'ConfigError') throw error;
    }
  }

  private perform(engine: TcpEngine, stack: Stack | null, call: [CallName, number, unknown]): void {
    const [name, subject, detail] = call;
    switch (name) {
      case 'listen': {
        const listener = engine.listen(detail as ListenOptions, NOBODY);
        this.listeners.set(listener.id, listener);
        return;
      }
      case 'closeListener':
        engine.closeListener(this.listeners.get(subject) as Listener);
        return;
      case 'connect':
        this.remember(engine.connect(detail as OpenOptions, NOBODY));
        return;
      case 'accept':
        this.remember(engine.accept(this.listeners.get(subject) as Listener, NOBODY));
        return;
      case 'configure':
        stack?.configure(detail as Record<string, ConfigValue>);
        return;
      default:
        performOn(engine, this.connections.get(subject) as Tcb, name, detail);
    }
  }

  private remember(tcb: Tcb | null): void {
    if (tcb !== null) this.connections.set(tcb.id, tcb);
  }
}

function performOn(engine: TcpEngine, tcb: Tcb, name: CallName, detail: unknown): void {
  switch (name) {
    case 'send': {
      const bytes = detail as Uint8Array;
      engine.send(tcb, bytes, 0, bytes.length);
      return;
    }
    case 'receive':
      engine.discard(tcb, detail as number);
      return;
    case 'shutdown':
      engine.shutdown(tcb);
      return;
    case 'close':
      engine.close(tcb);
      return;
    case 'abort':
      engine.abort(tcb);
      return;
    case 'option':
      performOption(engine, tcb, detail as [string, unknown]);
      return;
    default:
      throw new Error(`the recording has a call ${name} that this version does not know`);
  }
}

type SetOption = (engine: TcpEngine, tcb: Tcb, value: unknown) => void;

const OPTIONS: Readonly<Record<string, SetOption>> = {
  shutRead: (engine, tcb) => {
    engine.shutRead(tcb);
  },
  noDelay: (engine, tcb, on) => {
    engine.setNoDelay(tcb, on as boolean);
  },
  cork: (engine, tcb, on) => {
    engine.setCork(tcb, on as boolean);
  },
  keepAlive: (engine, tcb, options) => {
    engine.setKeepAlive(tcb, options as KeepAliveOptions);
  },
  userTimeout: (engine, tcb, timeout) => {
    engine.setUserTimeout(tcb, timeout as number);
  },
  buffers: (engine, tcb, sizes) => {
    const [receive, send] = sizes as [number, number];
    engine.setBuffers(tcb, receive, send);
  },
  tos: (engine, tcb, tos) => {
    engine.setTos(tcb, tos as number);
  },
  ttl: (engine, tcb, ttl) => {
    engine.setTtl(tcb, ttl as number);
  },
  quickAck: (engine, tcb) => {
    engine.setQuickAck(tcb);
  },
  urgent: (engine, tcb) => {
    engine.sendUrgent(tcb);
  },
};

function performOption(engine: TcpEngine, tcb: Tcb, [option, value]: [string, unknown]): void {
  const set = OPTIONS[option];
  if (set === undefined)
    throw new Error(`the recording sets an option ${option} that this version does not know`);
  set(engine, tcb, value);
}

/** Gives the packets of the tape, takes what is sent, and blocks where the device did. */
class ReplayDevice implements Device {
  readonly name = 'replay';
  readonly mtu: number;
  readonly checksumOffload: boolean;
  readonly segmentationLimit: number;
  writable = true;
  private sent = 0;
  private readonly reader: TapeReader;
  private readonly onPacket: (packet: Uint8Array) => void;

  constructor(reader: TapeReader, header: TapeHeader, onPacket: (packet: Uint8Array) => void) {
    this.reader = reader;
    this.onPacket = onPacket;
    this.mtu = header.mtu;
    this.checksumOffload = header.checksumOffload;
    this.segmentationLimit = header.segmentationLimit;
  }

  attach(_listener: DeviceListener): void {}

  receive(packet: Packet): boolean {
    if (this.reader.next !== ENTRY_PACKET) return false;
    const body = this.reader.take(ENTRY_PACKET).slice();
    const view = new DataView(body.buffer);
    packet.setMemory(body, view);
    packet.gsoSize = view.getUint16(0);
    const state = body[2];
    packet.checksum = state === 1 ? CHECKSUM_PARTIAL : state === 2 ? CHECKSUM_VALID : CHECKSUM_UNVERIFIED;
    packet.start = 3;
    packet.end = body.length;
    return true;
  }

  send(frame: Frame): boolean {
    const length = frame.headerLength + frame.payloadLength + frame.wrappedLength;
    const bytes = new Uint8Array(length);
    bytes.set(frame.header.subarray(0, frame.headerLength));
    const payload = frame.payload;
    bytes.set(
      payload.subarray(frame.payloadStart, frame.payloadStart + frame.payloadLength),
      frame.headerLength,
    );
    bytes.set(payload.subarray(0, frame.wrappedLength), frame.headerLength + frame.payloadLength);
    this.onPacket(bytes);
    this.sent++;
    if (this.reader.next !== ENTRY_BLOCKED || this.reader.peekNumber() !== this.sent) return true;
    this.reader.take(ENTRY_BLOCKED);
    this.writable = false;
    return false;
  }

  unblock(): void {
    this.reader.take(ENTRY_WRITABLE);
    this.writable = true;
  }

  async close(): Promise<void> {}
}
