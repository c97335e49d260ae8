/** Changes header fields of a packet, and completes its sums. */

import { SYN } from '../wire/segment.ts';
import type { Assignment, MutableField } from './ast.ts';
import { isnOf, opposite, variableOf, windowShift } from './matcher.ts';
import { completeSums, type Sight } from './sight.ts';

const OPTION_MSS = 2;
const OPTION_WINDOW_SCALE = 3;
const OPTION_TIMESTAMPS = 8;
const MAX_WINDOW = 0xffff;

interface Field {
  /** Where it lies, -1 when the packet has none. */
  readonly place: (sight: Sight) => number;
  readonly bytes: 1 | 2 | 4;
  /** What is written for a value that people see, and back: relative numbers, scaled windows. */
  readonly base?: (sight: Sight) => number;
  readonly shift?: (sight: Sight) => number;
}

function option(kind: number, offset: number, onlySyn: boolean): (sight: Sight) => number {
  return (sight) => {
    const at = onlySyn && !sight.has(SYN) ? -1 : sight.option(kind);
    return at < 0 ? -1 : at + offset;
  };
}

const FIELDS: Readonly<Record<MutableField, Field>> = {
  seq: {
    place: (sight) => sight.transport + 4,
    bytes: 4,
    base: (sight) => isnOf(sight, sight.direction) ?? 0,
  },
  ack: {
    place: (sight) => sight.transport + 8,
    bytes: 4,
    base: (sight) => isnOf(sight, opposite(sight.direction)) ?? 0,
  },
  win: { place: (sight) => sight.transport + 14, bytes: 2, shift: windowShift },
  flags: { place: (sight) => sight.transport + 13, bytes: 1 },
  ttl: { place: (sight) => sight.start + 8, bytes: 1 },
  tos: { place: (sight) => sight.start + 1, bytes: 1 },
  urg: { place: (sight) => sight.transport + 18, bytes: 2 },
  mss: { place: option(OPTION_MSS, 2, true), bytes: 2 },
  wscale: { place: option(OPTION_WINDOW_SCALE, 2, true), bytes: 1 },
  tsval: { place: option(OPTION_TIMESTAMPS, 2, false), bytes: 4 },
  tsecr: { place: option(OPTION_TIMESTAMPS, 6, false), bytes: 4 },
};

/** Changes the sight's own bytes. Assignments to options that the packet does not have do nothing. */
export function mutate(sight: Sight, assignments: readonly Assignment[]): void {
  if (!sight.tcp) return;
  for (const assignment of assignments) assign(sight, assignment);
  completeSums(sight.bytes);
}

function assign(sight: Sight, { field, operator, value }: Assignment): void {
  const { place, bytes, base, shift } = FIELDS[field];
  const at = place(sight);
  if (at < 0) return;
  const known = value.variable === null ? 0 : variableOf(sight.track, value.variable);
  if (Number.isNaN(known)) return;
  const amount = value.number + known;
  const present = read(sight.view, at, bytes);
  if (field === 'flags') {
    write(sight.view, at, bytes, withFlags(present, operator, amount));
  } else if (shift !== undefined) {
    const unit = 2 ** shift(sight);
    const wanted = operator === '=' ? amount : present * unit + (operator === '+=' ? amount : -amount);
    write(sight.view, at, bytes, Math.min(MAX_WINDOW, Math.max(0, Math.floor(wanted / unit))));
  } else if (operator === '=') {
    write(sight.view, at, bytes, (base?.(sight) ?? 0) + amount);
  } else {
    write(sight.view, at, bytes, present + (operator === '+=' ? amount : -amount));
  }
}

function withFlags(present: number, operator: Assignment['operator'], bits: number): number {
  if (operator === '=') return bits;
  return operator === '+=' ? present | bits : present & ~bits;
}

function read(view: DataView, at: number, bytes: 1 | 2 | 4): number {
  if (bytes === 1) return view.getUint8(at);
  return bytes === 2 ? view.getUint16(at) : view.getUint32(at);
}

/** Numbers wrap around, as they do in the header. */
function write(view: DataView, at: number, bytes: 1 | 2 | 4, value: number): void {
  if (bytes === 1) view.setUint8(at, value);
  else if (bytes === 2) view.setUint16(at, value);
  else view.setUint32(at, value);
}
