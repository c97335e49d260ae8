/** A rule at work: what it has counted, drawn and queued so far. */

import { SeededRandom } from '../base/random.ts';
import type { RuleAtWork } from '../trace/fault-trace.ts';
import type { Direction, Rule } from './ast.ts';
import { Matcher } from './matcher.ts';
import { printRule } from './print.ts';
import type { Sight } from './sight.ts';
import type { FaultWorld } from './world.ts';

export type Over = 'times' | 'for' | 'cleared' | 'released';

/** One way through the bottleneck of a `rate` rule. */
class Bottleneck {
  /** When the last bit of what is queued has left, µs. */
  private busyUntil = 0;
  private lastArrival = 0;
  /** When each packet that waits begins to leave. */
  private readonly starts: number[] = [];

  /** When a packet of `size` bytes that comes at `time` has left; -1 when the queue is full. */
  depart(time: number, size: number, rate: number, queue: number): number {
    const { starts } = this;
    while (starts.length > 0 && (starts[0] as number) <= time) starts.shift();
    if (starts.length >= queue) return -1;
    const start = Math.max(time, this.busyUntil);
    if (start > time) starts.push(start);
    this.busyUntil = start + (size * 8_000_000) / rate;
    return this.busyUntil;
  }

  /** A wire keeps the order: jitter does not let packets overtake. */
  inOrder(arrival: number): number {
    this.lastArrival = Math.max(this.lastArrival, arrival);
    return this.lastArrival;
  }
}

export class ActiveRule implements RuleAtWork {
  readonly rule: Rule;
  readonly number: number;
  readonly text: string;
  readonly random: SeededRandom;
  hits = 0;
  /** Why it does nothing any more; null while it does. */
  over: Over | null = null;
  private readonly matcher: Matcher;
  /** Where the hits of all layers that have this rule are counted; null when this one is alone. */
  private readonly shared: Int32Array | null;
  private readonly bottlenecks: Readonly<Record<Direction, Bottleneck>>;

  /** `since`: number of the last packet before the rule. */
  constructor(rule: Rule, number: number, world: Pick<FaultWorld, 'seed' | 'hits'>, since: number) {
    const { seed, hits = null } = world;
    this.rule = rule;
    this.number = number;
    this.text = printRule(rule);
    this.shared = hits !== null && number < hits.length ? hits : null;
    this.matcher = new Matcher(rule.where, since);
    this.random = new SeededRandom(rule.seed ?? Math.imul(seed, 0x9e3779b1) ^ number);
    this.bottlenecks = { in: new Bottleneck(), out: new Bottleneck() };
  }

  /** Hits that are left, -1 = no end. */
  get left(): number {
    if (this.rule.times === null) return -1;
    const hits = this.shared === null ? this.hits : Atomics.load(this.shared, this.number);
    return Math.max(0, this.rule.times - hits);
  }

  /** Counts a hit; false when others have had the last one. */
  countHit(): boolean {
    if (this.shared !== null && this.rule.times !== null) {
      if (Atomics.add(this.shared, this.number, 1) >= this.rule.times) return false;
    }
    this.hits++;
    return true;
  }

  concerns(direction: Direction): boolean {
    const { directions } = this.rule;
    return this.over === null && (directions === 'both' || directions === direction);
  }

  /** Whether it does its work on this packet; draws only where there is a chance. */
  hitsPacket(sight: Sight): boolean {
    if (!this.matcher.matches(sight)) return false;
    const { probability } = this.rule;
    return probability >= 1 || this.random.nextFloat() < probability;
  }

  /** When a packet that comes at `time` goes on: `delay` and `rate`. -1: the queue has no room. */
  goesOn(time: number, direction: Direction, size: number): number {
    const { rate, queue, delay, jitter } = this.rule;
    const bottleneck = this.bottlenecks[direction];
    const left = rate === 0 ? time : bottleneck.depart(time, size, rate, queue);
    if (left < 0) return -1;
    const arrival = left + delay + (jitter === 0 ? 0 : this.random.nextFloat() * jitter);
    return rate === 0 && jitter === 0 ? arrival : bottleneck.inOrder(arrival);
  }
}
