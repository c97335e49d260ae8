/** Our stack behind a fault layer, a peer on the other end of the memory link, on one virtual clock. */

import { SeededRandom } from '../../../src/base/random.ts';
import { type VirtualClock, virtualClock } from '../../../src/base/virtual-clock.ts';
import { memoryLink } from '../../../src/device/memory-link.ts';
import { FaultDevice } from '../../../src/faults/fault-device.ts';
import type { Faults } from '../../../src/faults/faults.ts';
import { lookupIn } from '../../../src/faults/stack-lookup.ts';
import { clockTimeline } from '../../../src/faults/timeline.ts';
import { createPosix, type Posix } from '../../../src/posix/index.ts';
import { Stack } from '../../../src/stack/stack.ts';
import type { RecordingTape } from '../../../src/stack/tape.ts';
import type { LogEvent } from '../../../src/trace/log-event.ts';
import { TraceRecorder } from '../../../src/trace/recorder.ts';

export const HERE = '10.9.0.2';
export const THERE = '10.9.0.1';
export const PORT = 7;
export const MS = 1_000;
export const SECOND = 1_000_000;

export interface WorldOptions {
  readonly rules?: readonly string[];
  readonly offload?: 'off' | 'csum' | 'tso4';
  readonly seed?: number;
  readonly tape?: RecordingTape;
  readonly config?: Readonly<Record<string, string>>;
}

export class FaultyWorld {
  readonly clock: VirtualClock = virtualClock(SECOND);
  readonly device: FaultDevice;
  readonly faults: Faults;
  readonly ours: TraceRecorder;
  readonly theirs: TraceRecorder;
  readonly stack: Stack;
  readonly peerStack: Stack;
  readonly server: Posix;
  readonly client: Posix;

  constructor({ rules = [], offload = 'off', seed = 1, tape, config = {} }: WorldOptions = {}) {
    const { clock } = this;
    const [near, far] = memoryLink({ offload });
    this.ours = new TraceRecorder({ clock, perConnection: 4_096 });
    this.theirs = new TraceRecorder({ clock, perConnection: 4_096 });
    this.device = new FaultDevice(near, { timeline: clockTimeline(clock), seed, trace: this.ours });
    this.faults = this.device.faults;
    this.stack = new Stack({
      device: this.device,
      address: `${HERE}/24`,
      clock,
      random: new SeededRandom(1),
      trace: this.ours,
      record: tape ?? null,
      config: { msl: '5s', ...config },
    });
    this.peerStack = new Stack({
      device: far,
      address: `${THERE}/24`,
      clock,
      random: new SeededRandom(2),
      trace: this.theirs,
      config: { msl: '5s', ...config },
    });
    this.faults.bind(lookupIn(this.stack));
    this.server = createPosix(this.stack);
    this.client = createPosix(this.peerStack);
    for (const rule of rules) this.faults.add(rule);
  }

  run(microseconds: number): void {
    this.clock.advanceBy(microseconds);
  }

  listen(port = PORT): number {
    const fd = this.server.socket();
    this.server.bind(fd, { address: HERE, port });
    this.server.listen(fd, 16);
    return fd;
  }

  /** The peer opens a connection; returns its descriptor. */
  dial(port = PORT): number {
    const fd = this.client.socket();
    try {
      this.client.connect(fd, { address: HERE, port });
    } catch (error) {
      if ((error as { code?: string }).code !== 'EINPROGRESS') throw error;
    }
    return fd;
  }

  /** An open connection: the peer's descriptor and ours. */
  open(port = PORT): { theirs: number; ours: number } {
    const listener = this.listen(port);
    const theirs = this.dial(port);
    this.run(5 * SECOND);
    return { theirs, ours: this.server.accept(listener).fd };
  }

  events(...names: string[]): LogEvent[] {
    return this.ours.eventsSince(0, 100_000).filter(({ ev }) => names.includes(ev));
  }

  /** `in dropped SYN 0` … of every `wire:fate`. */
  fates(): string[] {
    return this.events('wire:fate').map(({ data }) => `${data['dir']} ${data['fate']} ${short(data)}`);
  }

  /** What TCP got: ours, or the peer's; with the time since `since`, ms. */
  received(at: 'ours' | 'theirs'): string[] {
    return this[at]
      .eventsSince(0, 100_000)
      .filter(({ ev }) => ev === 'seg:received')
      .map(({ data }) => short(data));
  }
}

function short(data: Readonly<Record<string, unknown>>): string {
  return `${data['flags']} ${data['seq']}${Number(data['len']) > 0 ? `+${data['len']}` : ''}`;
}

export function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7) & 0xff);
}

/** Everything that can be read now. */
export function drain(posix: Posix, fd: number): Uint8Array {
  const parts: Uint8Array[] = [];
  const room = new Uint8Array(65_536);
  for (;;) {
    try {
      const length = posix.read(fd, room);
      if (length === 0) break;
      parts.push(room.slice(0, length));
    } catch {
      break;
    }
  }
  return Buffer.concat(parts);
}
