/** The language of what a lab expects (study §2.0): what it says, what it refuses and where, how a log is matched. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ExpectSyntaxError } from '../../src/labs/expect/ast.ts';
import { REAL } from '../../src/labs/expect/compare.ts';
import { difference } from '../../src/labs/expect/difference.ts';
import { type Match, match } from '../../src/labs/expect/match.ts';
import { parseExpectation } from '../../src/labs/expect/parse.ts';
import { rungsOf, rungText } from '../../src/labs/expect/rungs.ts';
import { PatternWatch } from '../../src/labs/expect/watch.ts';
import type { LogEvent } from '../../src/trace/log-event.ts';

// ── A log, written by hand ───────────────────────────────────────────────────────────────────────────

type Entry = Omit<LogEvent, 'n' | 'data'> & { data?: Record<string, unknown>; n?: number };

function log(...entries: readonly Entry[]): LogEvent[] {
  return entries.map((entry, index) => ({ n: index + 1, conn: 'c1', inc: 1, data: {}, ...entry }));
}

/** `K>S FIN,ACK 5:8 ack 1` as an event. */
function seg(t: number, text: string, more: Record<string, unknown> = {}, number?: number): Entry {
  const [way = '', flags = '', numbers = '0', , ack] = text.split(' ');
  const [seq = 0, end = seq] = numbers.split(':').map(Number);
  const counted = flags.split(',').filter((flag) => flag === 'SYN' || flag === 'FIN').length;
  const fromK = way === 'K>S';
  const ports = fromK ? { sport: 40_000, dport: 7 } : { sport: 7, dport: 40_000 };
  const [iss, irs] = fromK ? [1000, 9000] : [9000, 1000];
  return {
    t,
    ev: fromK ? 'seg:received' : 'seg:sent',
    ...(number === undefined ? {} : { seg: number }),
    data: {
      flags,
      ...{ seq, end: end + counted, len: end - seq },
      ack: ack === undefined ? null : Number(ack),
      win: 65_535,
      raw: { seq: iss + seq, ack: ack === undefined ? 0 : irs + Number(ack), ...ports },
      opts: {},
      ...more,
    },
  };
}
const state = (t: number, from: string, to: string): Entry => ({
  ...{ t, ev: 'conn:state' },
  data: { old: from, new: to, trigger: '' },
});
const peer = (t: number, to: string, source = 'observed'): Entry => ({
  ...{ t, ev: 'peer:state' },
  data: { state: to, source },
});

const HANDSHAKE = [
  seg(0, 'K>S SYN 0'),
  state(0, 'LISTEN', 'SYN-RECEIVED'),
  seg(0, 'S>K SYN,ACK 0 ack 1'),
  seg(0.001, 'K>S ACK 1 ack 1'),
  state(0.001, 'SYN-RECEIVED', 'ESTABLISHED'),
];
const GREETING = [
  ...HANDSHAKE,
  seg(0.002, 'S>K PSH,ACK 1:28 ack 1'),
  seg(0.003, 'S>K FIN,ACK 28 ack 1'),
  state(0.003, 'ESTABLISHED', 'FIN-WAIT-1'),
  seg(0.5, 'K>S ACK 1 ack 29'),
];

function run(text: string, entries: readonly Entry[], slack?: typeof REAL): Match {
  return match(parseExpectation(text), log(...entries), slack);
}
function why(text: string, entries: readonly Entry[]): string {
  const { failure } = run(text, entries);
  return failure === null ? 'ok' : failure.why;
}

describe('what is refused, and where', () => {
  const cases: [text: string, message: string | RegExp][] = [
    ['K>S SYM 0', 'line 1, column 5: "SYM" is no flag: did you mean SYN?'],
    ['K>S SYN 0 wni 1', /line 1, column 11: "wni" means nothing here: did you mean win/],
    ['\n  S>K ACK 1 ack', 'line 2, column 16: a number is expected here, but the line ends'],
    ['K>S ACK 1 ack x:y', /column 15: a number, a variable/],
    ['K>S FIN 0 ; S TIME_WAIT', 'line 1, column 15: "TIME_WAIT" is no state: did you mean TIME-WAIT?'],
    ['K>S FIN 0 TIME-WAIT', /column 11: .*states come after a ";"/],
    ['K>S FIN 0 ; timer S.rot armed', /column 19: there is no timer rot/],
    ['K>S FIN 0 ; timer S.rto set', /column 25: a timer is armed, restarted/],
    ['S CLOSED within soon', /column 17: "soon" is no time/],
    ['S CLOSED after', /column 15: a time \(5s\) is expected here, but the line ends/],
    ['silence', /column 8: a time/],
    ['X>S SYN 0', /column 1: a line begins with/],
    ['only port seven', /column 11: a port is a number/],
    ['K>S ACK win 3x', /column 13: win needs a number/],
    ['app think', /column 5: a call is one of/],
    ['event closed', /column 7: "closed" is no event's name/],
  ];
  for (const [text, message] of cases) {
    test(JSON.stringify(text), () => {
      assert.throws(
        () => parseExpectation(text),
        (error: unknown) => {
          assert.ok(error instanceof ExpectSyntaxError);
          if (typeof message === 'string') assert.equal(error.message, message);
          else assert.match(error.message, message);
          return true;
        },
      );
    });
  }
  test('comments and empty lines are nothing', () => {
    assert.deepEqual(parseExpectation('# all\n\n   # K>S nonsense\n').lines, []);
  });
});

test('whatever is written, it is understood or refused with its place', () => {
  const words =
    'K>S S>K SYN ACK,PSH 1:n n+1 ? ... strict ; S K TIME-WAIT timer S.rto armed 4s within ..5s ack win<= = sack never only c1 port -3 #';
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constantFrom(...words.split(' '), '\n'), fc.string()), { maxLength: 12 }),
      (parts) => {
        const text = parts.join(' ');
        try {
          match(parseExpectation(text), log(...GREETING));
        } catch (error) {
          assert.ok(error instanceof ExpectSyntaxError, String(error));
          const row = text.split('\n')[error.line - 1];
          assert.ok(row !== undefined && error.column >= 1 && error.column <= row.length + 1);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

describe('segments', () => {
  test('lines match in order; bare ACKs between them may come', () => {
    assert.equal(why('K>S SYN 0\nS>K SYN,ACK 0 ack 1', HANDSHAKE), 'ok');
    assert.equal(why('K>S SYN 0\nS>K SYN,ACK 0 ack 1\nK>S ACK 1 ack 1', HANDSHAKE), 'ok');
  });
  test('any other segment must be expected, also at the end', () => {
    assert.equal(why('K>S SYN 0', HANDSHAKE), 'no line expects this segment');
    assert.equal(why('K>S SYN 0\n...', HANDSHAKE), 'ok');
    assert.equal(why('S>K SYN,ACK 0 ack 1', HANDSHAKE), 'it came from K');
  });
  test('strict: not even an ACK before it', () => {
    const text = (word: string): string => `...\nS>K SYN,ACK 0 ack 1\n${word} S>K PSH,ACK 1:28 ack 1\n...`;
    assert.equal(why(text(''), GREETING), 'ok');
    assert.equal(why(text('strict'), GREETING), 'it came from K');
  });
  test('variables are bound on first use, and counted from', () => {
    const text = `...\nS>K PSH,ACK 1:n ack 1\nS>K FIN,ACK n ack 1\nK>S ACK 1 ack n+1`;
    const result = run(text, GREETING);
    assert.equal(result.ok, true);
    assert.deepEqual(result.bound, { n: 28 });
    assert.equal(why(text.replace('n+1', 'n+2'), GREETING), 'it never came');
  });
  test('PSH counts only where it is written', () => {
    assert.equal(why('...\nS>K ACK 1:28 ack 1\n...', GREETING), 'ok');
    assert.equal(why('K>S PSH,SYN 0\n...', GREETING), 'its flags are SYN');
  });
  test('a line without an end carries no text', () => {
    assert.equal(why('...\nS>K ACK 1 ack 1', GREETING), 'it never came');
    assert.equal(why('...\nS>K ACK ? ack 1\n...', GREETING), 'ok');
  });
  test('fields: comparisons, options, words', () => {
    const entries = [seg(0, 'K>S SYN 0', { opts: { mss: 536, sack: [[3, 5]] }, win: 100 })];
    assert.equal(why('K>S SYN 0 mss 536 win>99 win<=100 wscale != 7 sack 3-5', entries), 'ok');
    assert.equal(why('K>S SYN 0 win > 100', entries), 'its win is 100');
    assert.equal(why('K>S SYN 0 sack none', entries), 'its sack is 3-5');
    assert.equal(why('K>S SYN 0 wscale 7', entries), 'its wscale is absent');
  });
  test('an optional line may be missing; another may not', () => {
    assert.equal(why('? K>S RST 1\nK>S SYN 0\n...', HANDSHAKE), 'ok');
    assert.equal(why('K>S RST 1\nK>S SYN 0\n...', HANDSHAKE), 'its flags are SYN');
  });
  test('never: nowhere', () => {
    assert.equal(why('K>S SYN 0\n...\nnever S>K RST', HANDSHAKE), 'ok');
    assert.equal(why('K>S SYN 0\n...\nnever S>K SYN,ACK', HANDSHAKE), 'this was never to come');
    assert.match(why('K>S SYN 0\n...\nnever S ESTABLISHED', HANDSHAKE), /at 0.001 s it did/);
  });
  test('only: other connections do not count', () => {
    const other = { ...seg(0.0005, 'K>S RST 7'), conn: 'c2' };
    const entries = [...HANDSHAKE.slice(0, 3), other, ...HANDSHAKE.slice(3)];
    const text = 'K>S SYN 0\nS>K SYN,ACK 0 ack 1';
    assert.equal(why(text, entries), 'no line expects this segment');
    assert.equal(why(`only c1\n${text}`, entries), 'ok');
    assert.equal(why(`${text}\nc2 K>S RST 7`, entries), 'ok');
    assert.equal(why(`only port 9\n...`, entries), 'ok');
  });
});

describe('what became of a segment', () => {
  const fate = (t: number, what: string, number: number, of: Entry): Entry => ({
    ...{ t, ev: 'wire:fate', seg: number },
    data: { ...of.data, dir: of.ev === 'seg:sent' ? 'out' : 'in', fate: what },
  });
  const ack = seg(1, 'S>K ACK 29 ack 2', {}, 9);
  test('a loss must be named', () => {
    const entries = [ack, fate(1, 'dropped', 9, ack)];
    assert.equal(why('S>K ACK 29 ack 2 LOST', entries), 'ok');
    assert.equal(why('S>K ACK 29 ack 2', entries), 'it never came');
    assert.equal(why('strict S>K ACK 29 ack 2', entries), 'it is LOST');
    assert.equal(why('strict S>K ACK 29 ack 2 LOST', [ack]), 'it is not LOST');
  });
  test('what S never saw is there too; a copy arrives marked', () => {
    const fin = seg(1, 'K>S FIN,ACK 1 ack 29', {}, 3);
    const rungs = rungsOf(log(fate(1, 'dropped', 3, fin), seg(2, 'K>S FIN,ACK 1 ack 29', {}, 4)));
    assert.deepEqual(rungs.map(rungText), ['K>S FIN,ACK 1 ack 29 LOST', 'K>S FIN,ACK 1 ack 29 RETRANS']);
    const twice = rungsOf(log(fate(1, 'duplicated', 3, fin), fin, { ...fin, t: 2 }));
    assert.deepEqual(twice.map(rungText), ['K>S FIN,ACK 1 ack 29', 'K>S FIN,ACK 1 ack 29 COPIED RETRANS']);
  });
  test('the verdict, and the reason', () => {
    const judged: Entry = {
      ...{ t: 1, ev: 'seg:judged', seg: 3 },
      data: { verdict: 'dropped', reason: 'TCP_CSUM' },
    };
    const entries = [seg(1, 'K>S RST 5', {}, 3), judged];
    assert.equal(why('K>S RST 5 DROPPED reason TCP_CSUM', entries), 'ok');
    assert.equal(why('K>S RST 5 ACCEPTED', entries), 'it is not ACCEPTED');
  });
  test('a segment of a connection that is gone has its numbers and its name', () => {
    const { conn: _conn, inc: _inc, ...rst } = { ...seg(2, 'S>K RST 29'), conn: undefined, inc: undefined };
    const stray = { ...rst, data: { ...rst.data, seq: 9029, end: 9029 } };
    const events = log(...GREETING).concat({ n: 99, ...stray } as LogEvent);
    assert.equal(rungText(rungsOf(events).at(-1) as never), 'S>K RST 29');
    assert.equal(rungsOf(events).at(-1)?.conn, 'c1');
  });
});

describe('states, timers, times', () => {
  test('the state of S after a segment', () => {
    assert.equal(why('K>S SYN 0 ; S SYN-RECEIVED\n...', HANDSHAKE), 'ok');
    assert.equal(why('K>S SYN 0 ; S ESTABLISHED\n...', HANDSHAKE), 'S is in SYN-RECEIVED');
    assert.equal(why('...\nK>S ACK 1 ack 1 ; S ESTABLISHED\n...', HANDSHAKE), 'ok');
  });
  test("K's state: what was observed, where that is exact; guesses do not count", () => {
    const entries = [...HANDSHAKE.slice(0, 3), peer(0.0005, 'ESTABLISHED'), ...HANDSHAKE.slice(3)];
    const text = 'K>S SYN 0\nS>K SYN,ACK 0 ack 1 ; K ESTABLISHED';
    assert.equal(why(text, entries), 'ok');
    const guessed = entries.map((entry) =>
      entry.ev === 'peer:state' ? peer(0.0005, 'CLOSED', 'inferred') : entry,
    );
    assert.equal(why(text, guessed), 'K is in CLOSED');
    assert.equal(run(text, guessed, REAL).ok, true);
  });
  const restart: Entry = {
    ...{ t: 0.5, ev: 'timer:set' },
    data: { timer: 'time-wait', afterMs: 4000, restart: true },
  };
  test('a timer, and how long it was set for', () => {
    const entries = [...GREETING, restart];
    const text = (what: string): string => `...\nK>S ACK 1 ack 29 ; timer S.time-wait ${what}`;
    assert.equal(why(text('restarted 4s'), entries), 'ok');
    assert.equal(why(text('restarted'), entries), 'ok');
    assert.notEqual(why(text('restarted 3s'), entries), 'ok');
    assert.notEqual(why(text('armed 4s'), entries), 'ok');
  });
  test('within and after count from the line before', () => {
    const text = (span: string): string => `...\nS>K FIN,ACK 28 ack 1\nstrict K>S ACK 1 ack 29 ${span}`;
    assert.equal(why(text('within 400ms..600ms'), GREETING), 'ok');
    assert.equal(why(text('after 490ms'), GREETING), 'ok');
    assert.equal(why(text('within 400ms'), GREETING), 'it came after 497.0 ms');
    assert.equal(run(text('within 400ms'), GREETING, REAL).ok, true);
    assert.equal(run(text('within 300ms'), GREETING, REAL).ok, false);
  });
  test('a line without a segment: a state, a call, any event', () => {
    const entries: Entry[] = [
      ...GREETING,
      { t: 1, ev: 'app:close', data: { bytes: 0 } },
      { t: 2, ev: 'conn:closed', data: { reason: 'normal', error: null } },
    ];
    assert.equal(
      why('...\nK>S ACK 1 ack 29\napp close within 500ms\nclosed normal within 1s', entries),
      'ok',
    );
    assert.equal(why('...\nK>S ACK 1 ack 29\nS CLOSED within 2s', entries), 'ok');
    assert.equal(why('...\nK>S ACK 1 ack 29\nS CLOSED within 1s', entries), 'it happened after 1500.0 ms');
    assert.equal(why('...\nevent conn:closed reason=normal error=null', entries), 'ok');
    assert.equal(why('...\nclosed reset-by-peer', entries), 'it never happened');
    assert.equal(why('closed normal', entries), 'this segment came before it');
  });
  test('silence', () => {
    assert.equal(why('...\nS>K FIN,ACK 28 ack 1\nsilence 400ms', GREETING), 'ok');
    assert.match(why('...\nS>K PSH,ACK 1:28 ack 1\nsilence 400ms\n...', GREETING), /came after 1.0 ms/);
  });
});

test('a failed match is drawn: what was expected beside what happened, the first difference marked', () => {
  const text = 'K>S SYN 0\nS>K RST,ACK 0 ack 1\nK>S ACK 1 ack 1';
  const drawn = difference(parseExpectation(text), run(text, HANDSHAKE)).split('\n');
  assert.match(drawn[1] ?? '', /✓ K>S SYN 0 +│ 0.000 K>S SYN 0 \[c1]/);
  assert.match(
    drawn[2] ?? '',
    /✗ S>K RST,ACK 0 ack 1 +│ 0.000 S>K SYN,ACK 0 ack 1 \[c1] +← its flags are SYN,ACK/,
  );
  assert.match(drawn[3] ?? '', / {4}K>S ACK 1 ack 1 +│ 0.001 K>S ACK 1 ack 1 \[c1]/);
  assert.equal(difference(parseExpectation(''), run('', [])), '');
});

test('waiting for a pattern: anything may come between its lines, and what is old does not count', () => {
  const events = log(...GREETING);
  const watch = new PatternWatch('S>K SYN,ACK\nS>K FIN,ACK n ; S FIN-WAIT-1\nK>S ACK ack n+1');
  const seen = events.map((event) => {
    watch.add(event);
    return watch.found()?.n ?? 0;
  });
  assert.deepEqual(seen, [0, 0, 0, 0, 0, 0, 0, 0, 9]);
  const late = new PatternWatch('S ESTABLISHED', 5);
  for (const event of events) late.add(event);
  assert.equal(late.found(), null);
});
