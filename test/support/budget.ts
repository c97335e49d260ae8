/**
 * What packets cost the stack. Work is counted where it can be (packets, turns, memory, timers,
 * reasons), and elsewhere compared with other work of the same run: a busy machine slows both.
 */

import assert from 'node:assert/strict';
import { REASONS, type ReasonName } from '../../src/base/reasons.ts';
import type { TcpStats } from '../../src/tcp/engine.ts';
import type { Testbed } from './peer.ts';

export interface Cost {
  /** Packets that the stack sent. */
  readonly sent: number;
  readonly bytesSent: number;
  readonly turns: number;
  /** What its tables have grown by. */
  readonly grown: TcpStats;
  /** The reasons that were counted, and how often. */
  readonly reasons: Partial<Record<ReasonName, number>>;
}

function difference(after: TcpStats, before: TcpStats): TcpStats {
  const entries = Object.entries(after).map(([name, value]) => [
    name,
    value - before[name as keyof TcpStats],
  ]);
  return Object.fromEntries(entries) as TcpStats;
}

/** Runs `attack` and says what it cost. Nothing may have thrown inside the stack. */
export function costOf(bed: Testbed, attack: () => void): Cost {
  const { counters, tcp } = bed.stack;
  const reasons = [...counters.byReason];
  const stats = tcp.stats;
  const { turns } = counters;
  const packets = bed.packets.length;
  attack();
  bed.checkGuard();
  assert.equal(bed.counter('PACKET_GUARD'), 0);
  const moved = REASONS.map(({ name }, code) => {
    return [name, (counters.byReason[code] as number) - (reasons[code] as number)] as const;
  });
  const sent = bed.packets.slice(packets);
  return {
    sent: sent.length,
    bytesSent: sent.reduce((sum, { length }) => sum + length, 0),
    turns: counters.turns - turns,
    grown: difference(tcp.stats, stats),
    reasons: Object.fromEntries(moved.filter(([, times]) => times !== 0)),
  };
}

const NOTHING: TcpStats = {
  connections: 0,
  timeWait: 0,
  synReceived: 0,
  orphans: 0,
  flows: 0,
  listeners: 0,
  timers: 0,
  memory: 0,
};

/** `attack` is counted under these reasons and changes nothing else: not a byte goes out or is kept. */
export function changesOnly(bed: Testbed, reasons: Cost['reasons'], attack: () => void): void {
  const cost = costOf(bed, attack);
  assert.deepEqual(cost.reasons, reasons);
  assert.equal(cost.sent, 0, 'nothing is sent');
  assert.deepEqual(cost.grown, NOTHING);
}

const ROUNDS = 5;

/** Milliseconds of processor time that `what` takes: what else the machine does falls out. */
export function processorTime(what: () => void): number {
  const start = process.cpuUsage();
  what();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

/**
 * How many times the processor time of `baseline` an `attack` takes: the least of some rounds of each,
 * taken in turn. Each gets the number of its round.
 */
export function slowdown(baseline: (round: number) => void, attack: (round: number) => void): number {
  let usual = Infinity;
  let attacked = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    usual = Math.min(
      usual,
      processorTime(() => baseline(round)),
    );
    attacked = Math.min(
      attacked,
      processorTime(() => attack(round)),
    );
  }
  return attacked / usual;
}
