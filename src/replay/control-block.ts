/** A control block as it is at one moment, whole, for people: every field by its own name. */

import { type ConnectionRecord, connectionRecord } from '../stack/connection-record.ts';
import type { Stack } from '../stack/stack.ts';
import { KIND_CONNECTION, KIND_TIME_WAIT, type Tcb } from '../tcp/tcb.ts';

export interface ControlBlock {
  /** As `ss --json` has it; sequence numbers count from the initial ones. */
  readonly connection: ConnectionRecord;
  /** `snd.una` → its value; sequence numbers as on the wire, times in µs. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Parts that are no state of the connection. */
const LEFT_OUT = new Set([
  'context',
  'trace',
  'config',
  'owner',
  'listener',
  'clock',
  'pool',
  'secrets',
  'place',
  'memory',
]);
const SEQUENCE_NUMBERS = new Set(
  'iss una nxt max wl1 wl2 up irs lastAckSent fin recover recoveryPoint highRxt recent offset'.split(' '),
);
const DEEPEST = 3;
/** Longer rows of numbers are memory, not state. */
const LONGEST_ROW = 16;

/** Null when there is no such connection now. In the middle of a turn a compact record is as it was before it. */
export function controlBlock(stack: Stack, id: number): ControlBlock | null {
  const tcb = find(stack, id);
  if (tcb === null) return null;
  const fields: Record<string, unknown> = {};
  const { parts: _, ...own } = tcb;
  collect(own, '', fields, 0);
  collect(tcb.context.resting.partsOf(tcb), '', fields, 0);
  return { connection: connectionRecord(tcb, stack.clock.now), fields };
}

function find(stack: Stack, id: number): Tcb | null {
  const { context } = stack.tcp;
  const live = stack.tcp.connection(id);
  if (live !== null) return live;
  const { flows } = context;
  for (let flow = 0; flow < flows.limit; flow++) {
    const kind = flows.isUsed(flow) ? flows.kindOf(flow) : KIND_CONNECTION;
    if (kind === KIND_CONNECTION) continue;
    // The engine's own scratch block may be in use.
    const tcb = context.newBlock();
    tcb.resetForRecord();
    tcb.localAddress = flows.localAddress(flow);
    tcb.peerAddress = flows.peerAddress(flow);
    tcb.localPort = flows.localPort(flow);
    tcb.peerPort = flows.peerPort(flow);
    tcb.flow = flow;
    if (kind === KIND_TIME_WAIT) context.timeWait.expand(flows.indexOf(flow), tcb);
    else context.synReceived.expand(flows.indexOf(flow), tcb);
    tcb.setRecordState();
    if (tcb.id === id) return tcb;
  }
  return null;
}

function collect(from: object, prefix: string, into: Record<string, unknown>, depth: number): void {
  for (const [name, value] of Object.entries(from) as [string, unknown][]) {
    if (LEFT_OUT.has(name) || typeof value === 'function') continue;
    const path = `${prefix}${name}`;
    if (typeof value !== 'object' || value === null) into[path] = plain(name, value);
    else if (ArrayBuffer.isView(value) || Array.isArray(value)) row(path, value as ArrayLike<unknown>, into);
    else if (depth < DEEPEST) collect(value, `${path}.`, into, depth + 1);
  }
}

function row(path: string, values: ArrayLike<unknown>, into: Record<string, unknown>): void {
  const list = Array.from(values);
  const simple = list.every((one) => typeof one !== 'object' && typeof one !== 'function');
  if (simple && list.length > 0 && list.length <= LONGEST_ROW) into[path] = list.map((one) => plain('', one));
}

/** JSON has no infinity. */
function plain(name: string, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  if (!Number.isFinite(value)) return String(value);
  return SEQUENCE_NUMBERS.has(name) ? value >>> 0 : value;
}
