/** One event of the log as one line for people. */

import { numeric, word } from '../printable.ts';
import { entry } from './table.ts';

/** A line of the event log as readers get it; from a file or a socket, so nothing in it is trusted. */
export interface EventLine {
  readonly t: number;
  readonly n: number;
  readonly ev: string;
  readonly conn?: string;
  readonly inc?: number;
  readonly seg?: number;
  readonly cause?: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Whether something parsed from JSON is an event. */
export function isEvent(value: unknown): value is EventLine {
  const line = value as Partial<EventLine> | null;
  return (
    typeof line === 'object' &&
    line !== null &&
    typeof line.t === 'number' &&
    typeof line.n === 'number' &&
    typeof line.ev === 'string' &&
    typeof line.data === 'object' &&
    line.data !== null
  );
}

const TIME_WIDTH = 11;

/** Seconds to the microsecond, right-aligned. */
export function timeText(seconds: number): string {
  return seconds.toFixed(6).padStart(TIME_WIDTH);
}

type Data = Readonly<Record<string, unknown>>;
const or = (value: unknown, otherwise: string): string =>
  value === null || value === undefined ? otherwise : word(value);

/** `FIN,ACK 1:2 ack 28 win 64512`; `raw` takes the numbers on the wire. */
export function segmentText(data: Data, raw = false): string {
  const wire = (typeof data['raw'] === 'object' && data['raw'] !== null ? data['raw'] : {}) as Data;
  const seq = numeric(raw ? wire['seq'] : data['seq']);
  const end = raw ? (seq + numeric(data['end']) - numeric(data['seq'])) % 2 ** 32 : data['end'];
  const ack =
    data['ack'] === null || data['ack'] === undefined ? '' : ` ack ${word(raw ? wire['ack'] : data['ack'])}`;
  const range = end === seq ? `${seq}` : `${seq}:${word(end)}`;
  const parts = [`${or(data['flags'], '')} ${range}${ack} win ${or(data['win'], '?')}`];
  if (numeric(data['segs']) > 1) parts.push(`(${word(data['segs'])} segments)`);
  return parts.join(' ').trim();
}

/** State, timers and the rest in words; null where there is nothing worth a line beside a segment. */
const SENTENCES: Readonly<Record<string, (data: Data) => string>> = {
  'conn:opened': (data) => `${or(data['role'], '')} ${or(data['local'], '?')} ⇄ ${or(data['peer'], '?')}`,
  'conn:state': (data) => `${or(data['old'], '?')} → ${or(data['new'], '?')} (${or(data['trigger'], '')})`,
  'conn:closed': (data) =>
    `closed: ${or(data['reason'], '')}${data['error'] == null ? '' : ` ${word(data['error'])}`}`,
  'seg:received': (data) => `received ${segmentText(data)}`,
  'seg:sent': (data) => `sent ${segmentText(data)} (${or(data['trigger'], '')})`,
  'seg:judged': (data) => `${or(data['verdict'], '')} ${or(data['reason'], '')} ${or(data['rfc'], '')}`,
  'wire:fate': (data) => {
    const until = data['until'] === undefined ? '' : ` until ${word(data['until'])} s`;
    const what = data['flags'] === undefined ? `packet of ${or(data['len'], '?')} bytes` : segmentText(data);
    const text = `${or(data['dir'], '')} ${or(data['fate'], '')}${until}: ${what}`;
    return `${text}, ${or(data['by'], '')} ${or(data['rule'], '')}`.trimEnd();
  },
  'fault:rule': (data) => `rule#${or(data['number'], '?')} ${or(data['rule'], '')}`,
  'fault:hit': (data) =>
    `rule#${or(data['number'], '?')} hit ${or(data['hits'], '?')}, ${or(data['what'], '')}: ${or(data['rule'], '')}`,
  'fault:expired': (data) =>
    `rule#${or(data['number'], '?')} is over (${or(data['what'], '')}): ${or(data['rule'], '')}`,
  'timer:set': (data) => `${or(data['timer'], '')} in ${or(data['afterMs'], '?')} ms`,
  'timer:cancel': (data) => or(data['timer'], ''),
  'timer:fire': (data) => `${or(data['timer'], '')} expired`,
};

/** One line, e.g. `   0.412000    19 c3 conn:state   FIN-WAIT-2 → TIME-WAIT (rcv-fin)`. */
export function eventText(event: EventLine): string {
  const connection = word(event.conn ?? '–').padEnd(5);
  const head = `${timeText(event.t)} ${String(event.n).padStart(6)} ${connection}`;
  return `${head} ${word(event.ev).padEnd(13)} ${whatHappened(event)}`.trimEnd();
}

/** The same without time and number: `c3 closed: normal`. */
export function eventSentence(event: EventLine): string {
  return `${event.conn === undefined ? '' : `${word(event.conn)} `}${whatHappened(event)}`;
}

function whatHappened(event: EventLine): string {
  const sentence = entry(SENTENCES, event.ev);
  return sentence === undefined ? dataText(event.data) : sentence(event.data);
}

function dataText(data: Data): string {
  return Object.entries(data)
    .map(([name, value]) => `${word(name)}=${word(value)}`)
    .join(' ');
}
