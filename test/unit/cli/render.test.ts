import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counters } from '../../../src/base/counters.ts';
import { REASON } from '../../../src/base/reasons.ts';
import { printable, word } from '../../../src/cli/printable.ts';
import { type EventLine, eventText, isEvent, segmentText } from '../../../src/cli/render/event.ts';
import { drawLadder } from '../../../src/cli/render/ladder.ts';
import { selected, ssTable, statesOf, timerText, timerTime } from '../../../src/cli/render/ss.ts';
import { statsOf, statsText } from '../../../src/cli/render/stats.ts';
import { columns, painter } from '../../../src/cli/terminal.ts';
import type { ConnectionRecord, TimerRecord } from '../../../src/stack/connection-record.ts';

const ESC = '\u001b';

function record(fields: Partial<ConnectionRecord>): ConnectionRecord {
  return {
    id: 'c3',
    inc: 1,
    state: 'ESTABLISHED',
    local: '10.9.0.2:7',
    peer: '10.9.0.1:40012',
    recvQ: 0,
    sendQ: 0,
    ageMs: 12,
    timers: [],
    snd: null,
    rcv: null,
    rtt: null,
    options: null,
    caState: null,
    path: null,
    closedFirst: null,
    closeReason: null,
    ...fields,
  };
}
const timer = (name: TimerRecord['name'], remainingMs: number, count = 0): TimerRecord => ({
  name,
  remainingMs,
  count,
  restarts: 0,
});

test('ss prints its own columns and words', () => {
  const records = [
    record({ state: 'LISTEN', peer: '0.0.0.0:*', id: 'l1', sendQ: 128 }),
    record({ timers: [timer('keepalive', 1400)] }),
    record({ id: 'c4', state: 'TIME-WAIT', local: '10.9.0.2:13', timers: [timer('time-wait', 37_900)] }),
    record({ id: 'c5', state: 'SYN-RECEIVED', recvQ: 12 }),
  ];
  assert.equal(
    ssTable(records, false),
    [
      'State      Recv-Q  Send-Q  Local Address:Port  Peer Address:Port',
      'LISTEN     0       128     10.9.0.2:7          0.0.0.0:*          l1',
      'ESTAB      0       0       10.9.0.2:7          10.9.0.1:40012     timer:(keepalive,1.4sec,0) c3',
      'TIME-WAIT  0       0       10.9.0.2:13         10.9.0.1:40012     timer:(timewait,37sec,0) c4',
      'SYN-RECV   12      0       10.9.0.2:7          10.9.0.1:40012     c5',
    ].join('\n'),
  );
});

test('ss -i adds a line about each connection', () => {
  const details = record({
    snd: {
      iss: 1,
      una: 1,
      nxt: 1,
      wnd: 64_512,
      cwnd: 14_480,
      ssthresh: null,
      inFlight: 0,
      unsent: 0,
      retransmits: 2,
    },
    rcv: { irs: 1, nxt: 1, wnd: 65_535, buffered: 0, outOfOrder: [[5, 9]] },
    rtt: { srttMs: 0.4, rttvarMs: 0.2, minMs: 0.4, rtoMs: 200.4 },
    options: { mss: 1460, wscale: [7, 10], sack: true, timestamps: true, ecn: false },
    path: ['LISTEN', 'SYN-RECEIVED', 'ESTABLISHED'],
  });
  const line = ssTable([details], true).split('\n')[2];
  assert.equal(
    line,
    '\t ts sack wscale:7,10 mss:1460 rto:200.4 rtt:0.4/0.2 cwnd:10 ssthresh:– unacked:0 notsent:0 retrans:2 ' +
      'snd_wnd:64512 rcv_wnd:65535 ooo:1 path:LIS>SR>EST',
  );
});

const times: [number, string][] = [
  [0, '0ms'],
  [200.4, '200ms'],
  [1000, '1sec'],
  [1499, '1.4sec'],
  [9999, '9.9sec'],
  [37_900, '37sec'],
  [59_999, '59sec'],
  [60_000, '1min'],
  [61_000, '1min1sec'],
  [9 * 60_000 + 5000, '9min5sec'],
  [7_199_000, '119min'],
];
for (const [ms, text] of times)
  test(`a timer with ${ms} ms left reads ${text}`, () => assert.equal(timerTime(ms), text));

test('timers have the words of the kernel', () => {
  const names = [
    'rto',
    'tlp',
    'persist',
    'keepalive',
    'time-wait',
    'fin-wait-2',
    'syn-ack',
    'delayed-ack',
  ] as const;
  assert.deepEqual(
    names.map((name) => timerText(timer(name, 40, 3))),
    ['on', 'on', 'persist', 'keepalive', 'timewait', 'timewait', 'on', 'delayed-ack'].map(
      (text) => `timer:(${text},40ms,3)`,
    ),
  );
});

test('listeners are hidden unless asked for, TIME-WAIT never', () => {
  const records = [
    record({ state: 'LISTEN', id: 'l' }),
    record({ id: 'e' }),
    record({ state: 'TIME-WAIT', id: 't' }),
  ];
  const ids = (
    listeners: 'no' | 'too' | 'only',
    states: string[] | null = null,
    port: number | null = null,
  ): string =>
    selected(records, { listeners, states: states === null ? null : new Set(states), port })
      .map(({ id }) => id)
      .join('');
  assert.equal(ids('no'), 'et');
  assert.equal(ids('too'), 'let');
  assert.equal(ids('only'), 'l');
  assert.equal(ids('no', ['LISTEN']), 'l');
  assert.equal(ids('too', null, 40_012), 'let');
  assert.equal(ids('too', null, 8), '');
});

test('states are named as ss or the RFC names them', () => {
  assert.deepEqual(statesOf('time-wait'), ['TIME-WAIT']);
  assert.deepEqual(statesOf('FIN-WAIT-2'), ['FIN-WAIT-2']);
  assert.deepEqual(statesOf('syn-recv'), statesOf('SYN-RECEIVED'));
  assert.deepEqual(statesOf('estab'), ['ESTABLISHED']);
  assert.equal(statesOf('connected').includes('LISTEN'), false);
  assert.throws(() => statesOf('timewait'), { exitCode: 2, message: /did you mean time-wait/ });
});

test('nothing that could steer a terminal gets through', () => {
  assert.equal(printable(`a${ESC}[2J\r\nb\u009b\u202e\u2066`), 'a\\x1b[2J\\x0d\\x0ab\\x9b\\u202e\\u2066');
  assert.equal(printable('größe → ✓ 漢'), 'größe → ✓ 漢');
  assert.equal(word({ a: `${ESC}` }), '{"a":"\\u001b"}');
  const evil = `${ESC}]0;title\u0007`;
  const lines = [
    ssTable([record({ id: evil, local: evil, peer: evil, path: [evil as 'LISTEN'] })], true),
    eventText({ t: 0, n: 1, ev: evil, conn: evil, data: { [evil]: evil } }),
    eventText({ t: 0, n: 1, ev: 'conn:state', data: { old: evil, new: evil, trigger: [evil] } }),
    ...drawLadder([
      { t: 0, n: 1, ev: 'conn:opened', conn: evil, data: { role: evil, local: evil, peer: evil } },
      { t: 0, n: 2, ev: 'conn:state', conn: evil, data: { old: evil, new: evil, trigger: evil } },
      { t: 0, n: 3, ev: 'peer:state', conn: evil, data: { state: evil, source: evil } },
      { t: 0, n: 4, ev: 'timer:set', conn: evil, data: { timer: evil, afterMs: evil } },
      { t: 0, n: 5, ev: evil, conn: evil, data: { [evil]: evil } },
    ]),
    ...drawLadder(
      [{ t: 0, n: 1, ev: 'seg:sent', data: { flags: evil, trigger: evil, raw: { ack: evil }, ack: evil } }],
      { raw: true },
    ),
  ];
  for (const line of lines) {
    // printable() leaves alone what is harmless: a line that it would change holds something else.
    for (const part of line.split(/[\t\n]/)) assert.equal(printable(part), part);
  }
});

const segment = {
  flags: 'PSH,ACK',
  seq: 1,
  end: 7,
  ack: 1,
  win: 512,
  len: 6,
  segs: 1,
  raw: { seq: 2 ** 32 - 3, ack: 99 },
};

test('a segment reads as in a textbook, or as on the wire', () => {
  assert.equal(segmentText(segment), 'PSH,ACK 1:7 ack 1 win 512');
  assert.equal(segmentText(segment, true), 'PSH,ACK 4294967293:3 ack 99 win 512');
  assert.equal(
    segmentText({ ...segment, end: 1, flags: 'SYN', ack: null, segs: 3 }),
    'SYN 1 win 512 (3 segments)',
  );
});

test('only what looks like an event is one', () => {
  assert.equal(isEvent({ t: 1.8, n: 7, ev: 'seg:judged', conn: 'c1', data: {} } satisfies EventLine), true);
  for (const value of [
    null,
    1,
    'x',
    [],
    {},
    { t: 1, n: '1', ev: 'a', data: {} },
    { t: 1, n: 1, ev: 'a', data: null },
  ]) {
    assert.equal(isEvent(value), false);
  }
});

test('stats name every reason that came, and Prometheus all of them', () => {
  const counters = new Counters();
  counters.count(REASON.TCP_CSUM);
  counters.count(REASON.TCP_CSUM);
  const stats = statsOf(
    counters,
    new (class {
      get timeWait() {
        return 7;
      }
      label = 'no number';
    })() as unknown as Record<string, unknown>,
  );
  const text = statsText(stats);
  assert.match(text, /TCP_CSUM +2 +the checksum is wrong/);
  assert.match(text, /timeWait +7/);
  assert.doesNotMatch(text, /TCP_RESET|label/);
});

test('colours need a terminal and no NO_COLOR', () => {
  assert.equal(painter({})('red', 'x'), 'x');
  const before = process.env['NO_COLOR'];
  delete process.env['NO_COLOR'];
  assert.equal(painter({ isTTY: true })('red', 'x'), `${ESC}[31mx${ESC}[0m`);
  process.env['NO_COLOR'] = '1';
  assert.equal(painter({ isTTY: true })('red', 'x'), 'x');
  if (before === undefined) delete process.env['NO_COLOR'];
  else process.env['NO_COLOR'] = before;
});

test('columns are as wide as their widest cell', () => {
  assert.equal(
    columns([
      ['a', 'bb'],
      ['ccc', 'd'],
    ]),
    'a    bb\nccc  d',
  );
});
