/** The kinds of values that options take: how people write them and how they are printed. */

import { MICROSECONDS_PER_MILLISECOND, MICROSECONDS_PER_SECOND } from '../base/clock.ts';

/**
 * What `configure`, `--set` and `fourwave config` take. A number is in the unit that the option
 * prints: milliseconds for durations, bytes for sizes. A string is as on the command line.
 */
export type ConfigValue = string | number | boolean;

/** A field of `TcpConfig`: µs, bytes, counts, switches and words. */
export type FieldValue = string | number | boolean;

/** An option that does not exist or a value that it does not take: one sentence for people. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'ERR_INVALID_ARG_VALUE';
  /** The key as it was given. */
  readonly key: string;

  constructor(key: string, message: string) {
    super(message);
    this.key = key;
  }
}

/** What a number means and how it is written. */
export type Unit = 'ms' | 'bytes' | 'count' | 'segments';

interface Kind {
  /** As `fourwave config` prints it. */
  readonly unit: string;
  /** Completes "… must be …". */
  readonly allowed: string;
  /** One value for each field, or null when the text is none of this kind. */
  parse(text: string): FieldValue[] | null;
  format(values: readonly FieldValue[]): string;
}
export type ValueKind = Kind;

const MINUTE = 60 * MICROSECONDS_PER_SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Largest first, for printing. µs. */
const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
  ['d', DAY],
  ['h', HOUR],
  ['m', MINUTE],
  ['s', MICROSECONDS_PER_SECOND],
  ['ms', MICROSECONDS_PER_MILLISECOND],
  ['us', 1],
]);
const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['G', 1024 ** 3],
  ['M', 1024 ** 2],
  ['K', 1024],
]);

/** `30s`, `200ms`, `2m`, `1.5s`, `0` as µs; null when it is no duration. A bare number has no unit and is none. */
export function parseDuration(text: string): number | null {
  if (text === '0') return 0;
  const match = /^(\d+(?:\.\d+)?)(us|ms|s|m|h|d)$/.exec(text);
  if (match === null) return null;
  return Math.round(Number(match[1]) * (DURATION_UNITS.get(match[2] as string) as number));
}

/** The shortest exact form: `30s`, `2h`, `40ms`; minutes from two on, since everybody says 60 s. */
export function formatDuration(microseconds: number): string {
  if (microseconds === 0) return '0';
  for (const [name, size] of DURATION_UNITS) {
    const least = name === 'm' || name === 'd' ? 2 : 1;
    const count = microseconds / size;
    if (Number.isInteger(count) && count >= least) return `${count}${name}`;
  }
  return `${microseconds}us`;
}

/** `128K`, `6M`, `65535` as bytes; null when it is no size. */
export function parseSize(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)([KMG])?(?:i?B)?$/i.exec(text);
  if (match === null) return null;
  const unit = match[2] === undefined ? 1 : (SIZE_UNITS.get(match[2].toUpperCase()) as number);
  return Math.round(Number(match[1]) * unit);
}

/** The shortest exact form: `128K`, `65535`. */
export function formatSize(bytes: number): string {
  for (const [name, size] of SIZE_UNITS) {
    if (bytes > 0 && bytes % size === 0) return `${bytes / size}${name}`;
  }
  return String(bytes);
}

/** Decimal digits, nothing else. */
function parseCount(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

type UnitWords = { parse: (text: string) => number | null; format: (value: number) => string };

const UNITS: Record<Unit, UnitWords> = {
  ms: { parse: parseDuration, format: formatDuration },
  bytes: { parse: parseSize, format: formatSize },
  count: { parse: parseCount, format: String },
  segments: { parse: parseCount, format: String },
};
const EXAMPLES: Record<Unit, string> = {
  ms: 'a duration such as 30s, 200ms or 2m',
  bytes: 'a size such as 65535, 128K or 6M',
  count: 'a whole number',
  segments: 'a whole number',
};

/** One number. `words` are spelled instead of some numbers, e.g. `off` for Infinity. */
export function numeric(
  unit: Unit,
  least: number,
  most: number,
  words: Readonly<Record<string, number>> = {},
): Kind {
  const { parse, format } = UNITS[unit];
  const names = Object.keys(words);
  const or = names.length === 0 ? '' : `, or ${names.join(' or ')}`;
  return {
    unit,
    allowed: `${EXAMPLES[unit]} between ${format(least)} and ${format(most)}${or}`,
    parse(text) {
      if (Object.hasOwn(words, text)) return [words[text] as number];
      const value = parse(text);
      return value === null || value < least || value > most ? null : [value];
    },
    format([value]) {
      return names.find((name) => words[name] === value) ?? format(value as number);
    },
  };
}

/** `on` and `off`; `true false yes no 1 0` are understood. */
export function onOff(): Kind {
  const meanings: Readonly<Record<string, boolean>> = {
    on: true,
    true: true,
    yes: true,
    1: true,
    off: false,
    false: false,
    no: false,
    0: false,
  };
  return {
    unit: 'on/off',
    allowed: 'on or off',
    parse: (text) => (Object.hasOwn(meanings, text) ? [meanings[text] as boolean] : null),
    format: ([value]) => (value === true ? 'on' : 'off'),
  };
}

/** One of some words. */
export function choice(...words: readonly string[]): Kind {
  const last = words.at(-1) as string;
  return {
    unit: words.join('|'),
    allowed: `${words.slice(0, -1).join(', ')} or ${last}`,
    parse: (text) => (words.includes(text) ? [text] : null),
    format: ([value]) => String(value),
  };
}

/** Three sizes `min/start/max`; a single one is a fixed size. */
export function sizes(least: number, most: number): Kind {
  const inRange = (size: number | null): size is number => size !== null && size >= least && size <= most;
  return {
    unit: 'bytes',
    allowed: `min/start/max such as 4K/128K/6M, or one size, between ${formatSize(least)} and ${formatSize(most)}`,
    parse(text) {
      const parts = text.split('/').map(parseSize);
      if (parts.length === 1) parts.push(parts[0] as number, parts[0] as number);
      const [min, start, max] = parts as (number | null)[];
      if (parts.length !== 3 || !inRange(min ?? null) || !inRange(start ?? null) || !inRange(max ?? null))
        return null;
      const ordered = (min as number) <= (start as number) && (start as number) <= (max as number);
      return ordered ? [min as number, start as number, max as number] : null;
    },
    format([min, start, max]) {
      if (min === max) return formatSize(max as number);
      return [min, start, max].map((size) => formatSize(size as number)).join('/');
    },
  };
}

/** Two ports `first-last`. */
export function portRange(): Kind {
  return {
    unit: 'ports',
    allowed: 'FIRST-LAST such as 32768-60999, between 1 and 65535',
    parse(text) {
      const match = /^(\d{1,5})-(\d{1,5})$/.exec(text);
      if (match === null) return null;
      const first = Number(match[1]);
      const last = Number(match[2]);
      return first >= 1 && first <= last && last <= 65_535 ? [first, last] : null;
    },
    format: ([first, last]) => `${first}-${last}`,
  };
}

/** A value of any type as text of this kind: numbers of durations are milliseconds. */
export function valueText(kind: Kind, value: ConfigValue): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'number' && kind.unit === 'ms' && Number.isFinite(value)) {
    return value === 0 ? '0' : `${Math.round(value * MICROSECONDS_PER_MILLISECOND)}us`;
  }
  return String(value).trim();
}

/** The member of `known` that `wrong` is most likely meant to be, or null. */
export function nearest(wrong: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let least = Math.max(2, Math.floor(wrong.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(wrong.toLowerCase(), candidate.toLowerCase());
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours. Long words are cut: nobody's key is longer. */
function editDistance(a: string, b: string): number {
  const left = a.slice(0, 64);
  const right = b.slice(0, 64);
  const rows = [Array.from({ length: right.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity;
  for (let row = 1; row <= left.length; row++) {
    rows.push([row]);
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      const distance = Math.min(
        at(row - 1, column - 1) + (same ? 0 : 1),
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        swapped ? at(row - 2, column - 2) + 1 : Infinity,
      );
      rows[row]?.push(distance);
    }
  }
  return at(left.length, right.length);
}
