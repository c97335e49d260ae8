/**
 * Connections at rest. One that holds no bytes and has been quiet for a while consists of some ninety
 * numbers: they are written down in one record of a table, and its parts, a dozen objects, serve another
 * connection. Whoever looks at a part of it wakes it: nothing else in the stack knows of this.
 *
 * A stack with few connections lets none rest: there is nothing to gain.
 */

import { NEVER } from '../../base/clock.ts';
import type { TcpContext } from '../context.ts';
import { Parts } from '../parts.ts';
import type { Tcb } from '../tcb.ts';
import type { TcpConfig } from '../tcp-config.ts';
import { Ledger } from './ledger.ts';
import { RestTable } from './rest-table.ts';

/** Awake connections below which none is put to rest. */
const FEW = 256;
/** µs without a segment, either way: longer where many of those at rest are woken. */
const QUIET = 100_000;
const MOST_QUIET = 10_000_000;
/** By which part it grows for each that wakes, and µs in which it shrinks by as much as it is. */
const GROWTH = 1 / 64;
const SHRINKING = 60_000_000;
/** Connections looked at in one go. */
const LOOKS = 256;
/** µs between two goes; longer and longer while nobody wants to rest. */
const SHORTEST_PAUSE = 1_000;
const LONGEST_PAUSE = 1_000_000;
/** Sets of parts kept for who wakes or is born. */
const MOST_SPARE = 4096;

export class Resting {
  private readonly context: TcpContext;
  private readonly ledger = new Ledger();
  private readonly newborn = new Ledger();
  /** Whose congestion control the newborn has. */
  private readonly firstConfig: TcpConfig;
  private readonly table: RestTable;
  private readonly spare: Parts[] = [];
  private readonly awake: Tcb[] = [];
  private cursor = 0;
  private pause = SHORTEST_PAUSE;
  private nextLook = 0;
  private lastLook = 0;
  private quiet = QUIET;
  private few = FEW;
  private longestPause = LONGEST_PAUSE;

  constructor(context: TcpContext) {
    this.context = context;
    this.firstConfig = context.config;
    const parts = new Parts(context, context.config);
    this.newborn.beginWriting();
    parts.exchange(this.newborn);
    this.table = new RestTable(Parts.largest(parts));
    this.spare.push(parts);
  }

  /** Connections at rest. */
  get count(): number {
    return this.table.count;
  }

  /** Bytes that their records take. */
  get bytes(): number {
    return 4 * this.table.words;
  }

  /** For tests: however few connections there are, and however busy, at every occasion. */
  insist(): void {
    this.few = 0;
    this.quiet = 0;
    this.longestPause = 0;
  }

  /** When {@link letRest} is worth a call, absolute µs. */
  get deadline(): number {
    return this.awake.length > this.few ? this.nextLook : Infinity;
  }

  /** The parts of a connection that is about to begin. */
  takeParts(config: TcpConfig): Parts {
    const parts = this.spare.pop();
    if (parts === undefined) return new Parts(this.context, config);
    parts.use(this.firstConfig);
    this.newborn.beginReading();
    parts.exchange(this.newborn);
    parts.use(config);
    return parts;
  }

  /** A connection has entered the tables. */
  enter(tcb: Tcb): void {
    tcb.place = this.awake.length;
    this.awake.push(tcb);
  }

  /** It has left them, and is awake. */
  leave(tcb: Tcb): void {
    const last = this.awake.pop() as Tcb;
    if (last !== tcb) {
      this.awake[tcb.place] = last;
      last.place = tcb.place;
    }
    tcb.place = -1;
  }

  /** Brings back the parts of a connection at rest. */
  wake(tcb: Tcb): Parts {
    const parts = this.spare.pop() ?? new Parts(this.context, tcb.config);
    this.table.take(tcb.place, this.ledger);
    this.ledger.beginReading();
    parts.use(tcb.config);
    parts.exchange(this.ledger);
    tcb.parts = parts;
    if (tcb.timerRow < 0) this.context.takeRow(tcb);
    this.enter(tcb);
    this.quiet = Math.min(MOST_QUIET, this.quiet + this.quiet * GROWTH);
    return parts;
  }

  /** The parts of a connection, which is awake then. */
  partsOf(tcb: Tcb): Parts {
    return tcb.parts ?? this.wake(tcb);
  }

  /** At the end of a turn: looks at some of those that are awake. */
  letRest(): void {
    const { now } = this.context.clock;
    if (now < this.deadline) return;
    let resting = 0;
    for (let looks = Math.min(LOOKS, this.awake.length - this.few); looks > 0; looks--) {
      if (--this.cursor < 0 || this.cursor >= this.awake.length) this.cursor = this.awake.length - 1;
      const tcb = this.awake[this.cursor] as Tcb;
      if (this.isQuiet(tcb) && this.layDown(tcb)) resting++;
    }
    this.pause = resting > 0 ? SHORTEST_PAUSE : 2 * this.pause;
    this.pause = Math.min(this.pause, this.longestPause);
    this.shrinkQuiet(now);
    this.nextLook = now + this.pause;
  }

  private shrinkQuiet(now: number): void {
    const elapsed = now - this.lastLook;
    this.lastLook = now;
    if (this.quiet > QUIET)
      this.quiet = Math.max(QUIET, this.quiet - this.quiet * Math.min(1, elapsed / SHRINKING));
  }

  /** Lets `look` see a connection; one at rest rests again afterwards. */
  show(tcb: Tcb, look: (tcb: Tcb) => void): void {
    const { quiet } = this;
    const rests = tcb.parts === null;
    look(tcb);
    if (!rests) return;
    this.layDown(tcb);
    this.quiet = quiet;
  }

  private isQuiet({ tally }: Tcb): boolean {
    const { now } = this.context.clock;
    return now - tally.lastReceivedAt >= this.quiet && now - tally.lastSentAt >= this.quiet;
  }

  /** Puts a connection to rest; false when it rests, is over, has something to do, or cannot be written down. */
  private layDown(tcb: Tcb): boolean {
    const { parts } = tcb;
    if (parts === null || tcb.flow < 0 || tcb.ready || tcb.eventsQueued) return false;
    if (!parts.mayRest(tcb.config)) return false;
    this.ledger.beginWriting();
    parts.exchange(this.ledger);
    if (!this.ledger.exact) return false;
    this.leave(tcb);
    tcb.parts = null;
    tcb.place = this.table.add(this.ledger);
    if (this.context.timers.earliest(tcb.timerRow) === NEVER) this.context.giveRow(tcb);
    if (this.spare.length < MOST_SPARE) this.spare.push(parts);
    return true;
  }
}
