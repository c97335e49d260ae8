/** Whether a segment is what a line says, and whether something has happened. */

import type { LogEvent } from '../../trace/log-event.ts';
import type { Arrow, Field, Happening, Mark, Span, Value } from './ast.ts';
import type { Rung } from './rungs.ts';

/** Values of variables. */
export type Bound = Readonly<Record<string, number>>;

/** How exact times are: a busy machine is late, and clocks of different places differ. */
export interface Slack {
  readonly factor: number;
  /** ms. */
  readonly extra: number;
  /** What is said of K's states is known, to the moment; guesses do not count. */
  readonly peerKnown: boolean;
}
export const EXACT: Slack = { factor: 1, extra: 1, peerKnown: true };
/** Of a real kernel on a busy machine. */
export const REAL: Slack = { factor: 1.25, extra: 60, peerKnown: false };

/** Null when `found` is `wanted`; else what it is. Binds variables on first use. */
function differs(wanted: Value, found: number, bound: Record<string, number>): boolean {
  if (wanted.kind === 'any') return false;
  if (wanted.kind === 'number') return found !== wanted.value;
  const known = bound[wanted.name];
  if (known === undefined) {
    bound[wanted.name] = found - wanted.plus;
    return false;
  }
  return found !== known + wanted.plus;
}

/** Flags that count only where a line names them. */
const LENIENT = new Set(['PSH', 'ECE', 'CWR']);
/** What a line must name, for it changes what the other side saw. */
const TO_BE_NAMED: readonly Mark[] = ['LOST', 'HELD', 'CORRUPTED'];

/** What differs between the segment and the line, or the variables as they are after it. */
export function compareArrow(arrow: Arrow, rung: Rung, before: Bound): string | Bound {
  const bound: Record<string, number> = { ...before };
  if (arrow.from !== rung.from) return `it came from ${rung.from}`;
  if (arrow.conn !== null && arrow.conn !== rung.conn) return `it is of ${rung.conn ?? 'no connection'}`;
  if (!sameFlags(arrow, rung)) return `its flags are ${rung.flags.join(',')}`;
  return (
    numbersDiffer(arrow, rung, bound) ?? marksDiffer(arrow, rung) ?? fieldsDiffer(arrow, rung, bound) ?? bound
  );
}

function numbersDiffer(arrow: Arrow, rung: Rung, bound: Record<string, number>): string | null {
  const { seq, end, ack } = arrow;
  if (seq !== null && differs(seq, rung.seq, bound)) return `its seq is ${rung.seq}`;
  if (end !== null && differs(end, rung.seq + rung.len, bound)) return `it ends at ${rung.seq + rung.len}`;
  const bare = end === null && seq !== null && seq.kind !== 'any';
  if (bare && rung.len > 0) return `it carries ${rung.len} bytes`;
  if (ack === null) return null;
  if (rung.ack === null) return 'it acknowledges nothing';
  return differs(ack, rung.ack, bound) ? `its ack is ${rung.ack}` : null;
}

function sameFlags(arrow: Arrow, rung: Rung): boolean {
  const { flags } = arrow;
  if (flags === null) return true;
  const has = rung.flags.filter((flag) => !LENIENT.has(flag) || flags.includes(flag));
  return has.length === flags.length && has.every((flag) => flags.includes(flag));
}

function marksDiffer(arrow: Arrow, rung: Rung): string | null {
  const missing = arrow.marks.find((mark) => !rung.marks.has(mark));
  if (missing !== undefined) return `it is not ${missing}`;
  const extra = TO_BE_NAMED.find((mark) => rung.marks.has(mark) && !arrow.marks.includes(mark));
  return extra === undefined ? null : `it is ${extra}`;
}

function fieldsDiffer(arrow: Arrow, rung: Rung, bound: Record<string, number>): string | null {
  for (const field of arrow.fields) {
    const found = foundIn(field, rung);
    if (!holds(field, found, bound)) return `its ${field.name} is ${String(found ?? 'absent')}`;
  }
  return null;
}

function foundIn({ name }: Field, rung: Rung): number | string | undefined {
  if (name === 'sack') return rung.sack.map(([left, right]) => `${left}-${right}`).join(',');
  return rung[name];
}

function holds(field: Field, found: number | string | undefined, bound: Record<string, number>): boolean {
  const { op, value } = field;
  if (typeof value === 'string') return isWord(field, value, found) === (op !== '!=');
  if (typeof found !== 'number') return op === '!=';
  if (op === '=') return !differs(value, found, bound);
  if (value.kind === 'any') return true;
  const wanted = value.kind === 'number' ? value.value : (bound[value.name] ?? Number.NaN) + value.plus;
  return COMPARE[op](found, wanted);
}

/** `sack none`: without a block. */
function isWord({ name }: Field, wanted: string, found: number | string | undefined): boolean {
  if (name !== 'sack') return found === wanted;
  return wanted === 'none' ? found === '' : String(found).split(',').includes(wanted);
}

const COMPARE = {
  '!=': (a: number, b: number) => a !== b,
  '<': (a: number, b: number) => a < b,
  '>': (a: number, b: number) => a > b,
  '<=': (a: number, b: number) => a <= b,
  '>=': (a: number, b: number) => a >= b,
};

/** Whether `ms` lies in the span, as exactly as times are here. */
export function isWithin(ms: number, { least, most }: Span, { factor, extra }: Slack): boolean {
  return ms >= least / factor - extra && ms <= most * factor + extra;
}

/** Whether the event is what a happening says. States have a memory of their own: see match.ts. */
export function happens(wanted: Happening, event: LogEvent, slack: Slack): boolean {
  const { ev, data } = event;
  switch (wanted.kind) {
    case 'state':
      return isState(wanted, event, slack);
    case 'timer':
      return isTimer(wanted, event, slack);
    case 'closed':
      return ev === 'conn:closed' && data['reason'] === wanted.reason;
    case 'rst':
      return ev === 'rst:why' && data['reason'] === wanted.reason;
    case 'app':
      return (
        ev === `app:${wanted.call}` &&
        (wanted.bytes === null || wanted.bytes.kind !== 'number' || wanted.bytes.value === data['bytes'])
      );
    default:
      return ev === wanted.name && [...wanted.fields].every(([path, value]) => at(data, path) === value);
  }
}

function isState(wanted: Extract<Happening, { kind: 'state' }>, event: LogEvent, slack: Slack): boolean {
  const { ev, data, conn } = event;
  if (wanted.conn !== null && wanted.conn !== conn) return false;
  if (wanted.side === 'K') return isPeerState(event, slack) && data['state'] === wanted.state;
  if (wanted.state === 'CLOSED' && ev === 'conn:closed') return true;
  return ev === 'conn:state' && data['new'] === wanted.state;
}

/** Something that counts was said of K's state. */
export function isPeerState({ ev, data }: LogEvent, { peerKnown }: Slack): boolean {
  return ev === 'peer:state' && (!peerKnown || data['source'] === 'observed');
}

function isTimer(wanted: Extract<Happening, { kind: 'timer' }>, event: LogEvent, slack: Slack): boolean {
  const { ev, data } = event;
  if (data['timer'] !== wanted.timer) return false;
  if (wanted.what === 'fired') return ev === 'timer:fire';
  if (wanted.what === 'cancelled') return ev === 'timer:cancel';
  if (ev !== 'timer:set' || (wanted.what === 'restarted') !== data['restart']) return false;
  return wanted.after === null || isWithin(Number(data['afterMs']), wanted.after, slack);
}

/** As text; 'null' for what is not there. */
function at(data: unknown, path: string): string {
  const value = path
    .split('.')
    .reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], data);
  return JSON.stringify(value ?? null).replace(/^"|"$/g, '');
}
