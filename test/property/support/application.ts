/** An application as a plan says: writes, reads, pauses, ends; and checks every byte that it reads. */

import assert from 'node:assert/strict';
import type { SeededRandom } from '../../../src/base/random.ts';
import type { Host } from '../../../src/sim/host.ts';
import type { World } from '../../../src/sim/world.ts';
import {
  type ConnectionOwner,
  EVENT_CLOSED,
  EVENT_FAILED,
  EVENT_OPENED,
  EVENT_PEER_CLOSED,
  EVENT_READABLE,
  EVENT_WRITABLE,
  TcpError,
} from '../../../src/tcp/events.ts';
import { ReceivedPiece } from '../../../src/tcp/receive/received-piece.ts';
import type { Tcb } from '../../../src/tcp/tcb.ts';
import type { SidePlan } from './scenario.ts';

/** Most that one call reads or writes. */
const MOST = 70_000;
/** A prime, so that no power of two repeats: what is in a wrong place is seen. */
const PERIOD = 65_521;
/** What streams are made of: each starts somewhere in it, and begins anew after a period. */
const PATTERN = Uint8Array.from({ length: PERIOD + MOST }, (_, at) => {
  const place = at % PERIOD;
  return Math.imul(place + 1, 0x9e3779b1) >>> (16 + (place & 7));
});

/** Where `place` of the stream that starts from `key` is in the pattern. */
function patternAt(key: number, place: number): number {
  return (((Math.imul(key, 7919) >>> 0) % PERIOD) + place) % PERIOD;
}

/** Longer than all pauses together, µs. */
const PATIENCE = 5_400_000_000;
const READ_BUFFER = Buffer.alloc(MOST);

export class Application implements ConnectionOwner {
  readonly name: string;
  readonly plan: SidePlan;
  tcb: Tcb | null = null;
  written = 0;
  received = 0;
  opened = false;
  /** The end of the peer's stream was read. */
  sawEnd = false;
  /** EVENT_CLOSED has come, or we have let go of the connection. */
  over = false;
  /** We ended it roughly. */
  rough = false;
  failure: string | null = null;

  private readonly world: World;
  private readonly host: Host;
  private readonly random: SeededRandom;
  /** How often it lends and hands over memory, instead of letting the stack copy; 0 … 1. */
  private readonly withoutCopy: number;
  private readonly manner: SeededRandom;
  private readonly piece = new ReceivedPiece();
  private readonly outKey: number;
  private readonly inKey: number;
  private readPaused = false;
  private writePaused = false;
  private stoppedReading = false;
  private finishing = false;
  private finished = false;
  private pumping = false;
  private pausesLeft = 20;

  constructor(world: World, host: Host, name: string, plan: SidePlan, keys: [number, number]) {
    this.world = world;
    this.host = host;
    this.name = name;
    this.plan = plan;
    this.outKey = keys[0];
    this.inKey = keys[1];
    this.random = world.randomFor(`application ${name}`);
    this.manner = world.randomFor(`manner of ${name}`);
    this.withoutCopy = Math.max(0, this.manner.nextFloat() * 2 - 0.7);
  }

  /** Takes over a connection that was just opened or accepted. */
  take(tcb: Tcb): void {
    this.tcb = tcb;
    if (this.plan.noDelay) this.host.stack.tcp.setNoDelay(tcb, true);
    if (tcb.state === 'ESTABLISHED' || tcb.state === 'CLOSE-WAIT') this.opened = true;
    // Nothing tells us when a reset was lost: an application has to lose patience.
    this.later(this.plan.patience ?? PATIENCE, () => this.abort());
    if (this.plan.ending === 'abort') this.later(this.plan.endDelay, () => this.abort());
    this.pump();
  }

  connectionEvents(tcb: Tcb, events: number): void {
    assert.equal(this.over, false, `${this.name}: an event after the last one`);
    if (this.tcb === null) this.tcb = tcb;
    assert.equal(tcb, this.tcb, `${this.name}: an event of another connection`);
    if ((events & EVENT_OPENED) !== 0) this.opened = true;
    if ((events & EVENT_FAILED) !== 0) this.failure = String(tcb.error);
    if ((events & EVENT_CLOSED) !== 0) {
      this.closed();
      return;
    }
    const worth = EVENT_OPENED | EVENT_READABLE | EVENT_PEER_CLOSED | EVENT_WRITABLE;
    if ((events & worth) !== 0) this.pump();
  }

  private closed(): void {
    // What had arrived before is still there to be read.
    if (!this.stoppedReading && this.failure === null) while (this.readOnce() > 0);
    if (this.tcb?.peerClosed === true && this.tcb.readable === 0) this.sawEnd = true;
    this.over = true;
    // Lets go of what nobody will read.
    if (this.tcb !== null) this.host.stack.tcp.close(this.tcb);
  }

  private later(delay: number, run: () => void): void {
    this.world.after(delay, () => {
      if (this.over || this.tcb === null) return;
      this.host.stack.refreshClock();
      run();
    });
  }

  private pump(): void {
    if (this.over || this.pumping) return;
    this.pumping = true;
    this.read();
    this.write();
    this.end();
    this.pumping = false;
  }

  private read(): void {
    while (!this.readPaused && !this.stoppedReading && !this.over) {
      if (this.pauses(this.plan.readPause)) {
        this.readPaused = true;
        this.later(this.random.nextInt(this.plan.pauseTime), () => {
          this.readPaused = false;
          this.readOnce();
          this.pump();
        });
        return;
      }
      if (this.readOnce() === 0) return;
      if (this.plan.ending === 'close-unread' && this.random.nextFloat() < 0.2) this.stopReading();
    }
  }

  private pauses(chance: number): boolean {
    if (this.random.nextFloat() >= chance || this.pausesLeft === 0) return false;
    this.pausesLeft--;
    return true;
  }

  private stopReading(): void {
    this.stoppedReading = true;
    this.later(this.plan.endDelay, () => this.close(true));
  }

  private readOnce(): number {
    const tcb = this.tcb as Tcb;
    const { tcp } = this.host.stack;
    if (this.manner.nextFloat() < this.withoutCopy) {
      if (!tcp.borrow(tcb, this.piece)) return 0;
      const { bytes, start, end } = this.piece;
      const count = Math.min(this.plan.readChunk, end - start);
      this.check(Buffer.from(bytes.buffer, bytes.byteOffset + start, count));
      tcp.discard(tcb, count);
      return count;
    }
    const count = tcp.receiveInto(tcb, READ_BUFFER, 0, this.plan.readChunk);
    this.check(READ_BUFFER.subarray(0, count));
    return count;
  }

  /** The next bytes of the stream. */
  private check(bytes: Buffer): void {
    const start = patternAt(this.inKey, this.received);
    if (bytes.compare(PATTERN, start, start + bytes.length) !== 0) {
      const wrong = bytes.findIndex((byte, i) => byte !== PATTERN[start + i]);
      assert.fail(`${this.name}: byte ${this.received + wrong} of the stream is wrong`);
    }
    this.received += bytes.length;
  }

  private write(): void {
    const tcb = this.tcb as Tcb;
    if (!this.opened && !this.plan.eager) return;
    while (!this.writePaused && !this.finishing && this.written < this.plan.length) {
      if (this.pauses(this.plan.writePause)) {
        this.writePaused = true;
        this.later(this.random.nextInt(this.plan.pauseTime), () => {
          this.writePaused = false;
          this.pump();
        });
        return;
      }
      const count = Math.min(this.plan.writeChunk, this.plan.length - this.written);
      const taken = this.send(tcb, count);
      this.written += taken;
      if (taken < count) return;
    }
    if (this.written === this.plan.length && !this.finishing && this.plan.ending !== 'abort') {
      this.beginEnding();
    }
  }

  private send(tcb: Tcb, count: number): number {
    try {
      if (this.plan.urgent && this.random.nextFloat() < 0.2) this.host.stack.tcp.sendUrgent(tcb);
      const start = patternAt(this.outKey, this.written);
      const { tcp } = this.host.stack;
      if (this.manner.nextFloat() < this.withoutCopy)
        return tcp.sendOwned(tcb, PATTERN, start, start + count);
      return tcp.send(tcb, PATTERN, start, start + count);
    } catch (error) {
      // The connection may have ended before its event reached us.
      if (error instanceof TcpError && tcb.state === 'CLOSED') return 0;
      throw error;
    }
  }

  private beginEnding(): void {
    const { ending, endDelay } = this.plan;
    // A half-close before the connection is open would end it: RFC 9293 §3.10.4.
    if (!this.opened && ending !== 'close-early') return;
    if (ending === 'follow' && !(this.tcb as Tcb).peerClosed) return;
    this.finishing = true;
    if (ending === 'close-unread') {
      this.later(endDelay + 1_000_000, () => this.stopReading());
      return;
    }
    const act = (): void => {
      if (ending === 'close-early') this.close(true);
      else {
        this.host.stack.tcp.shutdown(this.tcb as Tcb);
        this.finished = true;
        this.pump();
      }
    };
    if (endDelay === 0) act();
    else this.later(endDelay, act);
  }

  /** Closes when both directions have come to their ends. */
  private end(): void {
    const tcb = this.tcb as Tcb;
    if (this.over || this.stoppedReading || !tcb.peerClosed || tcb.readable > 0 || this.readPaused) return;
    this.sawEnd = true;
    if (this.finished) this.close(false);
  }

  private close(rough: boolean): void {
    if (this.over) return;
    this.rough = rough;
    this.over = true;
    this.host.stack.tcp.close(this.tcb as Tcb);
  }

  private abort(): void {
    this.rough = true;
    this.over = true;
    this.host.stack.tcp.abort(this.tcb as Tcb);
  }
}
