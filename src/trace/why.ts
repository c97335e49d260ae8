/** The decision behind an event: what was looked at, why it came to that, and what it led to. */

import type { LogEvent } from './log-event.ts';
import type { EventName } from './record.ts';

/** Where events are looked up. Every list is in the order of their numbers. */
export interface EventSource {
  event(n: number): LogEvent | undefined;
  /** Those whose `cause` is this event. */
  causedBy(event: LogEvent): readonly LogEvent[];
  /** The whole fate of a segment, `near` being one of the events from which it is asked for. */
  ofSegment(segment: number, near: LogEvent): readonly LogEvent[];
  /** Of the same connection, before this event, the last one first; as many as can be had cheaply. */
  before(event: LogEvent): Iterable<LogEvent>;
}

export interface Consequence {
  readonly event: LogEvent;
  /** 1: the event itself led to it. */
  readonly depth: number;
}

export interface Why {
  readonly event: LogEvent;
  /** `seg:judged` of the segment that it is about, or that led to it. */
  readonly decision: LogEvent | null;
  /** The other events of the same segment. */
  readonly segment: readonly LogEvent[];
  /** Of a segment that is sent again: the first sending, and what became of it. */
  readonly original: readonly LogEvent[];
  /** What rules have done to any of these segments, and to the answer for lack of which one came again. */
  readonly faults: readonly LogEvent[];
  /** The chain of causes, the nearest one first. */
  readonly because: readonly LogEvent[];
  readonly ledTo: readonly Consequence[];
}

const MOST_CAUSES = 16;
const MOST_CONSEQUENCES = 64;
/** Causes of causes: a timer that was set, its expiry, and what that sent. */
const DEPTH = 4;
/** Events in which the answer that was lost is looked for. */
const LOOK_BACK = 2_000;

/** Events that make others happen. */
const CAUSES: ReadonlySet<EventName> = new Set<EventName>([
  ...(['seg:received', 'timer:set', 'timer:fire', 'ip:icmp', 'ip:dropped', 'fault:hit'] as const),
  ...(['app:open', 'app:accept', 'app:read', 'app:write', 'app:shutdown', 'app:close', 'app:abort'] as const),
]);

export function explain(source: EventSource, event: LogEvent): Why {
  const because = causesOf(source, event);
  const whole = event.seg === undefined ? [] : source.ofSegment(event.seg, event);
  const original = originalOf(source, event);
  const lost = answerLost(source, whole);
  const fates = [...original, ...whole, ...lost].filter(({ ev }) => ev === 'wire:fate');
  if (event.ev === 'wire:fate' && !fates.some(({ n }) => n === event.n)) fates.push(event);
  return {
    event,
    decision: decisionOf(source, event, whole, because),
    segment: whole.filter(({ n }) => n !== event.n),
    original,
    faults: fates,
    because,
    ledTo: consequencesOf(source, event),
  };
}

function causesOf(source: EventSource, event: LogEvent): LogEvent[] {
  const causes: LogEvent[] = [];
  let { cause } = event;
  // A cause has a smaller number; a file may say anything.
  for (let last = event.n; cause !== undefined && cause < last && causes.length < MOST_CAUSES; ) {
    const found = source.event(cause);
    if (found === undefined) break;
    causes.push(found);
    last = found.n;
    cause = found.cause;
  }
  return causes;
}

/** The verdict on the event's own segment; where it has none, on the segment that came before it. */
function decisionOf(
  source: EventSource,
  event: LogEvent,
  whole: readonly LogEvent[],
  because: readonly LogEvent[],
): LogEvent | null {
  const own = whole.find(({ ev }) => ev === 'seg:judged');
  if (own !== undefined) return own;
  const [cause] = because;
  if (cause?.ev !== 'seg:received' || cause.seg === undefined) return null;
  return source.ofSegment(cause.seg, event).find(({ ev }) => ev === 'seg:judged') ?? null;
}

function originalOf(source: EventSource, event: LogEvent): readonly LogEvent[] {
  const { retransOf } = event.data as { retransOf?: number };
  return event.ev === 'seg:sent' && retransOf !== undefined ? source.ofSegment(retransOf, event) : [];
}

/** A segment that came again: the ACK that would have kept its sender from that, where a rule took it. */
function answerLost(source: EventSource, whole: readonly LogEvent[]): LogEvent[] {
  const received = whole.find(({ ev }) => ev === 'seg:received');
  const again = whole.some(({ ev, data }) => ev === 'seg:judged' && data['verdict'] === 'duplicate');
  if (received === undefined || !again) return [];
  const { end } = received.data;
  if (typeof end !== 'number') return [];
  let looked = 0;
  for (const earlier of source.before(received)) {
    if (++looked > LOOK_BACK) break;
    if (earlier.ev === 'wire:fate' && tookAck(earlier.data, end)) return [earlier];
  }
  return [];
}

/** Whether a segment of ours that was lost on its way acknowledged everything up to `end`. */
function tookAck({ dir, fate, ack }: LogEvent['data'], end: number): boolean {
  return dir === 'out' && fate === 'dropped' && typeof ack === 'number' && ack >= end;
}

function consequencesOf(source: EventSource, event: LogEvent): Consequence[] {
  // What a segment led to, its arrival led to: the verdict is only the first of it.
  const root = event.ev === 'seg:judged' && event.cause !== undefined ? source.event(event.cause) : event;
  const found: Consequence[] = [];
  if (root !== undefined && CAUSES.has(root.ev)) follow(source, root, 1, found);
  return found.filter((one) => one.event.n !== event.n);
}

function follow(source: EventSource, event: LogEvent, depth: number, into: Consequence[]): void {
  for (const next of source.causedBy(event)) {
    if (into.length >= MOST_CONSEQUENCES || next.n <= event.n) return;
    into.push({ event: next, depth });
    if (depth < DEPTH && CAUSES.has(next.ev)) follow(source, next, depth + 1, into);
  }
}
