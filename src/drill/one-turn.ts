/** Packets and calls that one turn of the stack takes together, as a busy stack's turns do. */

import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Device } from '../device/device.ts';
import type { Tape } from '../stack/tape.ts';
import type { TcpEngine } from '../tcp/engine.ts';

/** What happens in a turn. */
interface Batch {
  readonly arrive: (() => void)[];
  readonly calls: (() => void)[];
}

/** Sits where a tape does, and records nothing: it knows the phases of a turn. */
export class OneTurn implements Tape {
  private open: Batch | null = null;
  private next: Batch | null = null;

  /** Whether things are being collected. */
  get collecting(): boolean {
    return this.open !== null;
  }

  begin(): void {
    this.open = { arrive: [], calls: [] };
  }

  arrives(action: () => void): void {
    this.open?.arrive.push(action);
  }

  calls(action: () => void): void {
    this.open?.calls.push(action);
  }

  /** `run` runs a turn, which takes everything. */
  end(run: () => void): void {
    this.next = this.open;
    this.open = null;
    run();
  }

  header(): void {}

  clock(source: Clock): Clock {
    return source;
  }

  random(source: Random): Random {
    return source;
  }

  device(source: Device): Device {
    return source;
  }

  turn(): void {
    for (const action of this.next?.arrive ?? []) action();
  }

  turnOver(): void {}

  notifying(_engine: TcpEngine, notify: () => void): void {
    notify();
    const calls = this.next?.calls ?? [];
    this.next = null;
    for (const call of calls) call();
  }

  call(): void {}
}
