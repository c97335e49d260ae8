/** A recording run again: the same stack, fed from the tape, sends the same packets. */

import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Device } from '../device/device.ts';
import type { IpTrace } from '../ip/trace.ts';
import type { CallName } from '../tcp/call-tape.ts';
import type { ListenerAdjustments, ListenOptions, OpenOptions, TcpEngine } from '../tcp/engine.ts';
import type { ConnectionOwner, ListenerOwner } from '../tcp/events.ts';
import type { Listener } from '../tcp/listener.ts';
import type { Tcb } from '../tcp/tcb.ts';
import type { TcpTrace } from '../tcp/trace.ts';
import type { Packet } from '../wire/packet.ts';
import type { ConfigValue } from './config.ts';
import { performOn } from './replay-calls.ts';
import { ReplayDevice } from './replay-device.ts';
import { Stack } from './stack.ts';
import type { Tape } from './tape.ts';
import * as format from './tape-format.ts';
import { type RecordedRun, readHeader } from './tape-header.ts';

/** The first thing that is not as it was. */
export interface Difference {
  /** Of the packet among those that went out, from 1; null when it is no packet. */
  readonly packet: number | null;
  /** µs of the recording's clock. */
  readonly time: number;
  /** One sentence's end, e.g. `packet 4 is 60 bytes long and was 52`. */
  readonly text: string;
  /** What went out then, headers alone; null when nothing did. */
  readonly recorded: Uint8Array | null;
  /** What goes out now; null when nothing does. */
  readonly replayed: Uint8Array | null;
  /** It is the event log that differs: another version writes other events. */
  readonly ofLog: boolean;
}

/** A call of the recording, and what came of it now. */
export interface DoneCall {
  readonly name: CallName;
  /** The number of a listener or connection. */
  readonly subject: number;
  readonly detail: unknown;
  /** Bytes that `send` or `receive` took. */
  readonly bytes: number;
  /** The stack would not. */
  readonly refused: boolean;
  /** What it was about. */
  readonly tcb: Tcb | null;
  readonly listener: Listener | null;
}

/** The event log of a replay; faults speak to it by the names of its methods. */
export type ReplayLog = TcpTrace & IpTrace & Readonly<Partial<Record<string, unknown>>>;

export interface ReplayOptions {
  /** Gets every packet that the stack sends: complete, as bytes of its own. */
  readonly onPacket?: (packet: Uint8Array) => void;
  /** Gets every packet that the stack receives, before it does. Valid during the call. */
  readonly onArrival?: (packet: Packet) => void;
  /** After each call. */
  readonly onCall?: (call: DoneCall) => void;
  /** Gets a clock with the times that the log had then. */
  readonly log?: (clock: Clock, run: RecordedRun) => (TcpTrace & IpTrace) | null;
}

/** Nobody is told: what the users did is on the tape. */
const NOBODY: ConnectionOwner & ListenerOwner = { connectionEvents() {}, connectionsWaiting() {} };

/** Runs a recording to its end. @throws RecordingError when the stack does not do what it did */
export function replay(recording: Uint8Array, options: ReplayOptions): Stack {
  const run = new Replay(recording, options);
  while (run.step());
  if (run.difference !== null) throw new format.RecordingError(`does not replay: ${run.difference.text}`);
  return run.stack;
}

/** A replay, step by step. */
export class Replay implements Tape {
  readonly stack: Stack;
  readonly run: RecordedRun;
  /** Not null: the replay has ended here. */
  difference: Difference | null = null;
  /** Packets that went out. */
  packets = 0;
  /** The last time on the tape, µs. */
  time = 0;
  /** The first time of this step; of an earlier one if it has none. */
  began = 0;
  /** How the recording ends: as it should, at its cap, or cut off. */
  ending: 'whole' | 'full' | 'cut' | null = null;

  private readonly reader: format.TapeReader;
  private readonly options: ReplayOptions;
  private readonly connections = new Map<number, Tcb>();
  private readonly listeners = new Map<number, Listener>();
  private readonly replayed: ReplayDevice;
  private readonly log: ReplayLog | null;
  /** How many looks at the clock the log had before there was a stack. */
  private logStarted = 0;
  /** This step has not looked at the clock yet. */
  private fresh = true;

  /** @throws RecordingError */
  constructor(recording: Uint8Array, options: ReplayOptions) {
    this.reader = new format.TapeReader(recording);
    this.options = options;
    if (this.reader.next !== format.ENTRY_HEADER) throw new format.RecordingError('ends before it has begun');
    this.run = readHeader(this.reader.take());
    this.replayed = new ReplayDevice(this, this.run, options);
    this.log = (options.log?.(this.logClock(), this.run) ?? null) as ReplayLog | null;
    this.stack = new Stack({
      device: this.replayed,
      address: this.run.addresses,
      mtu: this.run.mtu,
      clock: { now: 0 },
      random: { fill() {} },
      record: this,
      resolved: this.run.config,
      trace: this.log,
    });
  }

  /** The recording ends in the middle of an entry. */
  get torn(): boolean {
    return this.reader.torn > 0;
  }

  /** One turn, or one thing between turns. False at the end, or at a difference. */
  step(): boolean {
    if (this.difference !== null || this.ending !== null) return false;
    const code = this.next();
    this.ending = ENDINGS[code] ?? null;
    if (this.ending !== null) return false;
    this.fresh = true;
    if (code === format.ENTRY_TURN) this.stack.runTurn();
    else if (code === format.ENTRY_CALL || code === format.ENTRY_SEND) this.applyCall();
    else this.betweenTurns(code);
    return this.difference === null;
  }

  private betweenTurns(code: number): void {
    switch (code) {
      case format.ENTRY_CLOCK:
        this.stack.refreshClock();
        break;
      case format.ENTRY_WRITABLE:
        this.replayed.unblock();
        break;
      case format.ENTRY_OPEN:
      case format.ENTRY_SHUT:
        this.replayed.look();
        break;
      case format.ENTRY_FROM_RULES:
      case format.ENTRY_WIRE:
      // Somebody has asked the log for the time.
      case format.ENTRY_LOG_CLOCK:
        this.reader.take();
        break;
      default:
        this.fail(`there is ${nameOf(code)}, outside of a turn`);
    }
  }

  // ── Tape ───────────────────────────────────────────────────────────────────────────────────────

  header(): void {}

  clock(): Clock {
    const read = (): number => this.readClock(format.ENTRY_CLOCK);
    return {
      get now(): number {
        return read();
      },
    };
  }

  random(): Random {
    return {
      fill: (bytes) => {
        const body = this.expect(format.ENTRY_RANDOM);
        const into = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        if (body?.length === into.length) into.set(body);
        else this.fail('the stack asks for another number of random bytes');
      },
    };
  }

  device(source: Device): Device {
    return source;
  }

  turn(): void {
    this.expect(format.ENTRY_TURN);
  }

  turnOver(): void {
    this.expect(format.ENTRY_TURN_OVER);
  }

  notifying(engine: TcpEngine, notify: () => void): void {
    this.expect(format.ENTRY_NOTIFY);
    notify();
    for (
      let code = this.next();
      code === format.ENTRY_CALL || code === format.ENTRY_SEND;
      code = this.next()
    ) {
      this.applyCall(engine);
      if (this.over) return;
    }
    this.expect(format.ENTRY_NOTIFIED);
  }

  /** The calls come from the tape: nothing to take down. */
  call(): void {}

  // ── What the parts ask ─────────────────────────────────────────────────────────────────────────

  /** Nothing more is compared. */
  get over(): boolean {
    return this.difference !== null || this.ending !== null;
  }

  /** The code of the next entry that this replay wants; 0 at the end. */
  next(): number {
    for (;;) {
      const code = this.over ? 0 : this.reader.next;
      if (code !== format.ENTRY_LOG_CALL && (code !== format.ENTRY_LOG_CLOCK || this.log !== null))
        return code;
      if (code === format.ENTRY_LOG_CALL && this.log !== null) this.callLog(this.log, this.reader.take());
      else this.reader.take();
    }
  }

  /** The body of the next entry, which must have this code; null at the end, and after a difference. */
  expect(code: number): Uint8Array | null {
    const next = this.next();
    if (next === code) return this.reader.take();
    if (next === 0 || next === format.ENTRY_FULL) this.ranOut(next);
    else if (!this.over) this.missed(code, next);
    return null;
  }

  private missed(wanted: number, found: number): void {
    this.fail(`the stack comes to ${nameOf(wanted)} where there was ${nameOf(found)}`);
    const ofLog = wanted === format.ENTRY_LOG_CLOCK || found === format.ENTRY_LOG_CLOCK;
    if (this.difference !== null) this.difference = { ...this.difference, ofLog };
  }

  fail(text: string, recorded: Uint8Array | null = null, replayed: Uint8Array | null = null): void {
    if (this.over) return;
    const packet = recorded === null && replayed === null ? null : this.packets;
    this.difference = {
      packet,
      time: this.time,
      text: `${text} (byte ${this.reader.offset})`,
      recorded,
      replayed,
      ofLog: false,
    };
  }

  /** The recording ends in the middle of a turn: what the stack does now is not known. */
  private ranOut(code: number): void {
    if (!this.over) this.ending = code === format.ENTRY_FULL ? 'full' : 'cut';
  }

  private readClock(code: number): number {
    const body = this.expect(code);
    if (body === null) return this.time;
    const now = format.numberIn(body);
    // Timers of a clock that leaps beyond all numbers would never end.
    if (!(now >= 0 && now <= Number.MAX_SAFE_INTEGER)) {
      this.fail('the clock is broken');
      return this.time;
    }
    this.time = now;
    if (code === format.ENTRY_CLOCK && this.fresh) {
      this.fresh = false;
      this.began = now;
    }
    return now;
  }

  private logClock(): Clock {
    const start = this.run.logStart;
    const read = (): number => {
      if (start === null) return this.stack?.clock.now ?? 0;
      const first = start[this.logStarted];
      if (first === undefined) return this.readClock(format.ENTRY_LOG_CLOCK);
      this.logStarted++;
      return first;
    };
    return {
      get now(): number {
        return read();
      },
    };
  }

  /** Faults lie outside of the stack: what they told the log then is told again. */
  private callLog(log: ReplayLog, body: Uint8Array): void {
    const [name, ...values] = format.valueIn(body) as [string, ...unknown[]];
    const method = LOG_CALLS.has(name) ? log[name] : undefined;
    if (typeof method !== 'function') return;
    const tell: LogCall = (...given) => {
      method.apply(log, given);
    };
    if (name === 'note') this.note(tell, values);
    else tell(...values);
  }

  // ── Calls ──────────────────────────────────────────────────────────────────────────────────────

  private applyCall(engine = this.stack.tcp): void {
    const [name, subject, detail] = readCall(this.reader.next, this.reader.take());
    let outcome: Outcome | null = null;
    try {
      outcome = this.perform(engine, name, subject, detail);
    } catch (error) {
      // A call that was refused then is refused now; anything else is a divergence.
      const known = (error as Error).name;
      if (known !== 'TcpError' && known !== 'ConfigError') throw error;
    }
    const refused = outcome === null;
    this.options.onCall?.({ name, subject, detail, refused, ...(outcome ?? NOTHING) });
  }

  private perform(engine: TcpEngine, name: CallName, subject: number, detail: unknown): Outcome {
    switch (name) {
      case 'listen': {
        const listener = engine.listen(detail as ListenOptions, NOBODY);
        this.listeners.set(listener.id, listener);
        return { ...NOTHING, listener };
      }
      case 'closeListener':
        engine.closeListener(this.listener(subject));
        return { ...NOTHING, listener: this.listener(subject) };
      case 'adjustListener':
        engine.adjustListener(this.listener(subject), detail as ListenerAdjustments);
        return { ...NOTHING, listener: this.listener(subject) };
      case 'connect':
        return this.remember(engine.connect(detail as OpenOptions, NOBODY));
      case 'accept':
        return this.remember(engine.accept(this.listener(subject), NOBODY));
      case 'configure':
        this.stack.configure(detail as Record<string, ConfigValue>);
        return NOTHING;
      case 'closeEverything':
        void this.stack.close();
        return NOTHING;
      default: {
        const tcb = this.connection(subject);
        return { ...NOTHING, tcb, bytes: performOn(engine, tcb, name, detail) };
      }
    }
  }

  private listener(id: number): Listener {
    const listener = this.listeners.get(id);
    if (listener === undefined)
      throw new format.RecordingError(`speaks of a listener ${id} that there is not`);
    return listener;
  }

  /** Somebody told the log of a connection, perhaps of one in a compact record. */
  private note(tell: LogCall, [name, data, id]: readonly unknown[]): void {
    let told = id === null;
    if (told) tell(name, data);
    this.stack.tcp.forEachConnection((tcb) => {
      if (told || tcb.id !== id) return;
      told = true;
      tell(name, data, tcb);
    });
  }

  private connection(id: number): Tcb {
    const tcb = this.connections.get(id);
    if (tcb === undefined) throw new format.RecordingError(`speaks of a connection ${id} that there is not`);
    return tcb;
  }

  private remember(tcb: Tcb | null): Outcome {
    if (tcb !== null) this.connections.set(tcb.id, tcb);
    return { ...NOTHING, tcb };
  }
}

type Outcome = Pick<DoneCall, 'bytes' | 'tcb' | 'listener'>;
const NOTHING: Outcome = { bytes: 0, tcb: null, listener: null };

/** Entries that end a recording. */
const ENDINGS: Readonly<Record<number, Replay['ending']>> = {
  0: 'cut',
  [format.ENTRY_FULL]: 'full',
  [format.ENTRY_END]: 'whole',
};

type LogCall = (...values: unknown[]) => void;

/** What others than the stack tell the event log. */
const LOG_CALLS: ReadonlySet<string> = new Set(['fate', 'rule', 'arrives', 'note']);

export function nameOf(code: number): string {
  return format.ENTRY_NAMES[code] ?? `an entry ${code} that this version does not know`;
}

export function readCall(code: number, body: Uint8Array): [CallName, number, unknown] {
  if (code === format.ENTRY_SEND) return ['send', format.numberIn(body), body.subarray(8)];
  return format.valueIn(body) as [CallName, number, unknown];
}
