/** Counters: one for each reason. */

import type { Counters } from '../../base/counters.ts';
import { REASONS } from '../../base/reasons.ts';
import { word } from '../printable.ts';
import { columns } from '../terminal.ts';

export interface ReasonCount {
  readonly name: string;
  readonly count: number;
  readonly layer: string;
  readonly rfc: string;
  readonly text: string;
}

export interface Stats {
  /** Packets, bytes, segments, turns. */
  readonly totals: Readonly<Record<string, number>>;
  /** The engine's present numbers: connections, TIME-WAIT, memory. */
  readonly tables: Readonly<Record<string, number>>;
  readonly reasons: readonly ReasonCount[];
}

/** A copy of what is counted. */
export function statsOf(counters: Counters, tables: Readonly<Record<string, unknown>>): Stats {
  return {
    totals: {
      packetsReceived: counters.packetsReceived,
      bytesReceived: counters.bytesReceived,
      packetsSent: counters.packetsSent,
      bytesSent: counters.bytesSent,
      segmentsReceived: counters.segmentsReceived,
      segmentsSent: counters.segmentsSent,
      turns: counters.turns,
    },
    tables: numbersOf(tables),
    reasons: REASONS.map((reason, code) => ({ ...reason, count: counters.byReason[code] as number })),
  };
}

/** The numeric fields, getters of a class included. */
function numbersOf(tables: Readonly<Record<string, unknown>>): Record<string, number> {
  const names = new Set([
    ...Object.keys(tables),
    ...Object.getOwnPropertyNames(Object.getPrototypeOf(tables) ?? {}),
  ]);
  const numbers: Record<string, number> = {};
  for (const name of names) {
    const value = tables[name];
    if (typeof value === 'number') numbers[name] = value;
  }
  return numbers;
}

/** For people: reasons that never came are left out. */
export function statsText(stats: Stats): string {
  const numbers = [...Object.entries(stats.totals), ...Object.entries(stats.tables)];
  const reasons = stats.reasons.filter((reason) => reason.count > 0);
  return [
    columns(numbers.map(([name, value]) => [word(name), String(value)])),
    '',
    columns(
      reasons.map((reason) => [word(reason.name), String(reason.count), word(reason.text), word(reason.rfc)]),
    ),
  ].join('\n');
}
