/** Lines and clauses that are no segments: states, timers, calls, times. */

import type { Happening, Side, Span, Value } from './ast.ts';
import { CALLS, STATE_NAMES, TIMER_WORDS, TIMERS } from './vocabulary.ts';
import { nearest, type Words } from './words.ts';

/** `S TIME-WAIT`, `K CLOSED`. */
export function stateAt(words: Words, conn: string | null): Happening {
  const side = words.take('S or K').text as Side;
  const { text } = words.take('a state');
  if (!STATE_NAMES.includes(text)) {
    const guess = nearest(text.replaceAll('_', '-'), STATE_NAMES);
    throw words.wrong(
      `${JSON.stringify(text)} is no state: ${guess === null ? STATE_NAMES.join(' ') : `did you mean ${guess}?`}`,
      1,
    );
  }
  return { kind: 'state', side, state: text, conn };
}

/** @throws ExpectSyntaxError */
export function happeningAt(words: Words): Happening {
  const { text } = words.take('what happens');
  switch (text) {
    case 'timer':
      return timerAt(words);
    case 'closed':
      return { kind: 'closed', reason: words.take('a reason (normal, reset-by-peer, …)').text };
    case 'rst':
      return { kind: 'rst', reason: words.take('a reason (NO_SOCKET, …)').text };
    case 'app':
      return appAt(words);
    default:
      return eventAt(words);
  }
}

function timerAt(words: Words): Happening {
  const { text } = words.take('a timer (S.time-wait)');
  const name = text.startsWith('S.') ? text.slice(2) : text;
  if (!TIMERS.includes(name)) throw words.wrong(`there is no timer ${name}: ${TIMERS.join(' ')}`, 1);
  const what = words.take(TIMER_WORDS.join(', ')).text;
  if (!TIMER_WORDS.includes(what)) throw words.wrong(`a timer is ${TIMER_WORDS.join(', ')}`, 1);
  const after = words.next !== null && SPAN.test(words.next) ? toSpan(words.take('a time').text) : null;
  return { kind: 'timer', timer: name, what: what as 'armed', after };
}

function appAt(words: Words): Happening {
  const { text } = words.take('a call');
  if (!CALLS.includes(text)) throw words.wrong(`a call is one of ${CALLS.join(' ')}`, 1);
  const bytes: Value | null = /^\d+$/.test(words.next ?? '')
    ? { kind: 'number', value: Number(words.take('bytes').text) }
    : null;
  return { kind: 'app', call: text, bytes };
}

function eventAt(words: Words): Happening {
  const name = words.take('the name of an event (conn:closed)').text;
  if (!/^[a-z]+:[a-z-]+$/.test(name)) throw words.wrong(`${JSON.stringify(name)} is no event's name`, 1);
  const fields = new Map<string, string>();
  while (/^[\w.]+=/.test(words.next ?? '')) {
    const { text } = words.take('a field');
    const at = text.indexOf('=');
    fields.set(text.slice(0, at), text.slice(at + 1));
  }
  return { kind: 'event', name, fields };
}

const DURATION = '\\d+(?:\\.\\d+)?(?:us|ms|s|m|h)';
const SPAN = new RegExp(`^(?:${DURATION})?(?:\\.\\.)?(?:${DURATION})?$`);
const UNITS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `within 5s`, `within 150ms..1500ms`, `after 2s`; null when the line does not go on so. */
export function spanAt(words: Words): Span | null {
  if (words.takeIf('after')) return { least: durationOf(words), most: Number.POSITIVE_INFINITY };
  if (!words.takeIf('within')) return null;
  const { text } = words.take('a time (5s, 150ms..1500ms)');
  if (!SPAN.test(text) || text === '..') throw words.wrong(`${JSON.stringify(text)} is no time`, 1);
  const { least, most } = toSpan(text);
  return text.includes('..') ? { least, most } : { least: 0, most };
}

function toSpan(text: string): Span {
  const [from = '', to] = text.split('..');
  const least = from === '' ? 0 : toMs(from);
  if (to === undefined) return { least, most: least };
  return { least, most: to === '' ? Number.POSITIVE_INFINITY : toMs(to) };
}

function toMs(text: string): number {
  const [, number = '0', unit = 'ms'] = /^([\d.]+)([a-z]+)$/.exec(text) ?? [];
  return Number(number) * (UNITS[unit] ?? 1);
}

/** One time, ms. */
export function durationOf(words: Words): number {
  const { text } = words.take('a time (5s)');
  if (!new RegExp(`^${DURATION}$`).test(text)) throw words.wrong(`${JSON.stringify(text)} is no time`, 1);
  return toMs(text);
}
