/** Durations, rates and flags as people write them, and back. */

import { ACK, CWR, ECE, FIN, PSH, RST, SYN, URG } from '../wire/segment.ts';

const DURATIONS: readonly (readonly [string, number])[] = [
  ['h', 3_600_000_000],
  ['m', 60_000_000],
  ['s', 1_000_000],
  ['ms', 1_000],
  ['us', 1],
];
const RATES: readonly (readonly [string, number])[] = [
  ['gbit', 1_000_000_000],
  ['mbit', 1_000_000],
  ['kbit', 1_000],
  ['bit', 1],
];
const SIZES: Readonly<Record<string, number>> = { '': 1, k: 1_024, m: 1_048_576 };

/** A month: whoever waits longer has mistyped. */
export const MAX_DURATION = 30 * 24 * 3_600_000_000;
const MAX_RATE = 1e12;

function unitOf(units: readonly (readonly [string, number])[], name: string): number | undefined {
  return units.find(([unit]) => unit === name)?.[1];
}

/** µs, or null. Only 0 needs no unit. */
export function durationOf(value: number, unit: string): number | null {
  const size = unit === '' && value === 0 ? 1 : unitOf(DURATIONS, unit);
  const duration = size === undefined ? Number.NaN : Math.round(value * size);
  return duration <= MAX_DURATION ? duration : null;
}

/** Bits per second, or null. */
export function rateOf(value: number, unit: string): number | null {
  const size = unitOf(RATES, unit.toLowerCase());
  const rate = size === undefined ? Number.NaN : Math.round(value * size);
  return rate >= 1 && rate <= MAX_RATE ? rate : null;
}

/** A whole number, `128K` included, or null. */
export function countOf(value: number, unit: string): number | null {
  const size = SIZES[unit.toLowerCase()];
  const count = size === undefined ? Number.NaN : value * size;
  return Number.isInteger(count) && count < 2 ** 32 ? count : null;
}

function formatExact(value: number, units: readonly (readonly [string, number])[]): string {
  for (const [name, size] of units) if (value % size === 0) return `${value / size}${name}`;
  return String(value);
}

/** The shortest exact form: `2s`, `1500us`. */
export function formatDuration(microseconds: number): string {
  return microseconds === 0 ? '0' : formatExact(microseconds, DURATIONS);
}

/** `2mbit`. */
export function formatRate(bits: number): string {
  return formatExact(bits, RATES);
}

const FLAG_BITS: readonly (readonly [string, number])[] = [
  ['fin', FIN],
  ['syn', SYN],
  ['rst', RST],
  ['psh', PSH],
  ['ack', ACK],
  ['urg', URG],
  ['ece', ECE],
  ['cwr', CWR],
];

/** The bit of a control flag's name, or null. */
export function flagBit(name: string): number | null {
  return FLAG_BITS.find(([flag]) => flag === name.toLowerCase())?.[1] ?? null;
}

/** `fin|ack`. */
export function formatFlags(bits: number): string {
  return FLAG_BITS.filter(([, bit]) => (bits & bit) !== 0)
    .map(([name]) => name)
    .join('|');
}
