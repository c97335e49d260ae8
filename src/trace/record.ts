/** How one event lies in memory: a row of doubles, nothing allocated to write one. */

import { constantTable } from '../base/constant-table.ts';

/** Levels of importance, qlog's words. */
export type Level = 'core' | 'base' | 'extra';

function row<const Name extends string>(
  name: Name,
  level: Level,
): { readonly name: Name; readonly level: Level } {
  return { name, level };
}

/** Every event that there is. The index is its code in recordings: append, never reorder. */
// biome-ignore format: table
export const EVENTS = [
  row('stack:started', 'core'),
  row('stack:stopped', 'core'),
  row('stack:config', 'core'),
  row('listen:opened', 'base'),
  row('listen:closed', 'base'),
  row('listen:queue', 'base'),
  row('conn:opened', 'core'),
  row('conn:state', 'core'),
  row('conn:closed', 'core'),
  row('seg:received', 'core'),
  row('seg:judged', 'core'),
  row('seg:sent', 'core'),
  row('seg:run', 'base'),
  row('timer:set', 'base'),
  row('timer:cancel', 'base'),
  row('timer:fire', 'base'),
  row('cc:metrics', 'core'),
  row('cc:state', 'base'),
  row('rtt:sample', 'extra'),
  row('app:open', 'base'),
  row('app:accept', 'base'),
  row('app:read', 'base'),
  row('app:write', 'base'),
  row('app:shutdown', 'base'),
  row('app:close', 'base'),
  row('app:abort', 'base'),
  row('ip:dropped', 'base'),
  row('ip:icmp', 'base'),
  row('wire:fate', 'core'),
  row('rst:why', 'base'),
  row('snd:window', 'base'),
  row('rcv:window', 'base'),
  row('buf:snd', 'extra'),
  row('buf:rcv', 'extra'),
  row('buf:ooo', 'extra'),
  row('sack:board', 'extra'),
  row('peer:state', 'base'),
  row('fault:rule', 'base'),
  row('fault:hit', 'base'),
  row('fault:expired', 'base'),
  row('lab:step', 'core'),
  row('lab:predict', 'core'),
  row('lab:check', 'core'),
  row('lab:result', 'core'),
  row('log:lost', 'core'),
  row('log:keyframe', 'extra'),
  row('log:connection', 'extra'),
] as const;

export type EventName = (typeof EVENTS)[number]['name'];

/** `EVENT['seg:sent']`: the code of an event. */
export const EVENT: { readonly [name in EventName]: number } = constantTable(EVENTS.map(({ name }) => name));

// The row: what every event has …
/** Number of the event, 1, 2, 3 …; 0 = an empty row. */
export const AT_N = 0;
/** µs of the stack's clock. */
export const AT_TIME = 1;
export const AT_CODE = 2;
/** Id of the connection; -1 = none. */
export const AT_CONNECTION = 3;
export const AT_INCARNATION = 4;
/** Number of the segment, the same for its whole fate; 0 = none. */
export const AT_SEGMENT = 5;
/** Number of the event that made this one happen; 0 = none. */
export const AT_CAUSE = 6;
/** … and the numbers that only its code explains. */
export const AT_VALUES = 7;

/** Numbers per event: a segment with four SACK blocks needs the most. */
const VALUES = 22;
/** Doubles per row. */
export const ROW = AT_VALUES + VALUES;

// Values of seg:received and seg:sent.
export const SEG_FLAGS = AT_VALUES;
export const SEG_SEQ = AT_VALUES + 1;
export const SEG_ACK = AT_VALUES + 2;
export const SEG_WND = AT_VALUES + 3;
export const SEG_UP = AT_VALUES + 4;
export const SEG_LENGTH = AT_VALUES + 5;
/** Wire segments it stands for. */
export const SEG_SEGMENTS = AT_VALUES + 6;
/** How far the window field is to be shifted. */
export const SEG_SHIFT = AT_VALUES + 7;
/** Options, packed: see {@link packOptions}. */
export const SEG_OPTIONS = AT_VALUES + 8;
export const SEG_TS_VALUE = AT_VALUES + 9;
export const SEG_TS_ECHO = AT_VALUES + 10;
/** Sent: index of the trigger, doubled, plus 1 for a retransmission. */
export const SEG_TRIGGER = AT_VALUES + 11;
/** Eight edges; for a segment without connection instead the four below. */
export const SEG_SACK = AT_VALUES + 12;
export const SEG_LOCAL_ADDRESS = SEG_SACK;
export const SEG_LOCAL_PORT = SEG_SACK + 1;
export const SEG_PEER_ADDRESS = SEG_SACK + 2;
export const SEG_PEER_PORT = SEG_SACK + 3;
/** Sent again: the segment that carried the first byte first (0 = none, or unknown), and how often it went. */
export const SEG_COPY_OF = AT_VALUES + 20;
export const SEG_COPY_NUMBER = AT_VALUES + 21;

// Values of wire:fate, after those of a segment up to SEG_SHIFT.
export const FATE_PROTOCOL = AT_VALUES + 6;
export const FATE_ISS = AT_VALUES + 8;
export const FATE_IRS = AT_VALUES + 9;
export const FATE_OUT = AT_VALUES + 10;
export const FATE_CODE = AT_VALUES + 11;
/** Number of the rule, 0 = none. */
export const FATE_RULE = AT_VALUES + 12;
export const FATE_TEXT = AT_VALUES + 13;
/** µs, 0 = now or never. */
export const FATE_UNTIL = AT_VALUES + 14;
export const FATE_SOURCE = AT_VALUES + 15;
export const FATE_SOURCE_PORT = AT_VALUES + 16;
export const FATE_DESTINATION = AT_VALUES + 17;
export const FATE_DESTINATION_PORT = AT_VALUES + 18;

const MSS_UNIT = 1;
const SCALE_UNIT = 2 ** 17;
const SACK_COUNT_UNIT = 2 ** 26;
const SACK_PERMITTED = 2 ** 29;
const TIMESTAMPS = 2 ** 30;
const BAD_OPTIONS = 2 ** 31;

/** The options without the numbers of timestamps and SACK blocks. */
export interface OptionFields {
  /** -1 = absent. */
  readonly mss: number;
  /** -1 = absent. */
  readonly windowScale: number;
  readonly sackCount: number;
  readonly sackPermitted: boolean;
  readonly hasTimestamps: boolean;
  readonly badOptions: boolean;
}

/** MSS and shift are stored plus one, 0 meaning absent; the whole is a double below 2^32. */
export function packOptions(
  mss: number,
  windowScale: number,
  sackCount: number,
  sackPermitted: boolean,
  hasTimestamps: boolean,
): number {
  return (
    (mss + 1) * MSS_UNIT +
    (windowScale + 1) * SCALE_UNIT +
    sackCount * SACK_COUNT_UNIT +
    (sackPermitted ? SACK_PERMITTED : 0) +
    (hasTimestamps ? TIMESTAMPS : 0)
  );
}

/** Marks packed options as cut short by an illegal length. */
export function withBadOptions(packed: number, bad: boolean): number {
  return bad ? packed + BAD_OPTIONS : packed;
}

export function unpackOptions(packed: number): OptionFields {
  const bits = packed >>> 0;
  return {
    mss: (bits & (SCALE_UNIT - 1)) - 1,
    windowScale: ((bits >>> 17) & 0x1ff) - 1,
    sackCount: (bits >>> 26) & 7,
    sackPermitted: (bits & SACK_PERMITTED) !== 0,
    hasTimestamps: (bits & TIMESTAMPS) !== 0,
    badOptions: bits >>> 31 === 1,
  };
}
