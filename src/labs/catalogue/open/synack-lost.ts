/** open/synack-lost: the second segment does not arrive, and both ends have a timer that can save it. */

import type { LogEvent } from '../../../trace/log-event.ts';
import { type Act, lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { doubles, happened, point, segments, statesOfK, statesOfS } from './points.ts';

/** Looks at both while the SYN,ACK is missing, and closes when it has come after all. */
const play = async (stage: Stage): Promise<void> => {
  const nc = await stage.nc(7, { N: true });
  await stage.until('S>K SYN,ACK LOST');
  await stage.wait(200);
  stage.keep('K', await statesOfK(stage));
  stage.keep('S', await statesOfS(stage));
  await stage.until('S ESTABLISHED');
  await stage.wait(300);
  await nc.eof();
  await nc.exited();
};

const waiting = (kept: Readonly<Record<string, unknown>>) => [
  point(
    'Meanwhile both had a timer: K in SYN-SENT, S in SYN-RECEIVED',
    '其间双方都有定时器：K 在 SYN-SENT,S 在 SYN-RECEIVED',
    kept['K'] === 'SYN-SENT (rto)' && kept['S'] === 'SYN-RECEIVED (syn-ack)',
    `K ${String(kept['K'])}, S ${String(kept['S'])}`,
  ),
];

const CLOSE = `
    K>S FIN,ACK 1 ack 1
    S>K FIN,ACK 1 ack 2
    K>S ACK 2 ack 2               ; S CLOSED
`;

const both: Act = {
  name: 'both-clocks',
  title: { en: 'Both wait for one second', zh: '双方都等一秒' },
  faults: ['drop out where syn times 1'],
  auto: play,
  expect: `
    K>S SYN 0                     ; S SYN-RECEIVED  timer S.syn-ack armed 1s
    strict S>K SYN,ACK 0 ack 1 LOST
    ? S>K SYN,ACK 0 ack 1 RETRANS
    ? K>S SYN 0 RETRANS
    ? S>K SYN,ACK 0 ack 1 RETRANS
    ? S>K SYN,ACK 0 ack 1 RETRANS
    K>S ACK 1 ack 1
    ${CLOSE}
  `,
  check: ({ events, kept }) => {
    const again = segments(events, 'S', 'SYN,ACK').length - 1;
    const asked = segments(events, 'K', 'SYN').length - 1;
    return [
      ...waiting(kept),
      point(
        'It came again: because of K, by S itself, or both',
        '它再次到来：因为 K，因为 S 自己，或两者皆有',
        again >= 1 && again <= 2,
        `${again} more SYN,ACKs, ${asked} more SYNs`,
      ),
      point('S has one connection', 'S 只有一个连接', happened(events, 'conn:opened').length === 1),
    ];
  },
};

const peerFirst: Act = {
  name: 'k-first',
  title: { en: "S's clock is slow: K's SYN comes again", zh: 'S 的时钟慢：K 的 SYN 再次到来' },
  stack: { 'rto.initial': '3s' },
  faults: ['drop out where syn times 1'],
  auto: play,
  expect: `
    K>S SYN 0                     ; S SYN-RECEIVED  timer S.syn-ack armed 3s
    strict S>K SYN,ACK 0 ack 1 LOST ; K SYN-SENT
    strict K>S SYN 0 within 700ms..1900ms ; S SYN-RECEIVED
    strict S>K SYN,ACK 0 ack 1 RETRANS ; K ESTABLISHED
    strict K>S ACK 1 ack 1        ; S ESTABLISHED
    ${CLOSE}
    never event timer:fire timer=syn-ack
  `,
  check: ({ events, kept }) => {
    const [syn, again] = segments(events, 'K', 'SYN').map(({ index }) => rawSeq(events, index));
    return [
      ...waiting(kept),
      point('The SYN again was the same SYN', '重发的 SYN 是同一个', syn !== undefined && syn === again),
      point(
        'A duplicate SYN moved no timer of S',
        '重复的 SYN 没有改动 S 的定时器',
        happened(events, 'timer:set', { timer: 'syn-ack' }).length === 1,
      ),
    ];
  },
};

const stackFirst: Act = {
  name: 's-first',
  title: {
    en: "S's clock is fast: it sends again by itself, twice as late each time",
    zh: 'S 的时钟快：它自己重发，间隔每次加倍',
  },
  stack: { 'rto.initial': '100ms' },
  faults: ['drop out where syn times 3'],
  auto: play,
  expect: `
    K>S SYN 0                     ; S SYN-RECEIVED  timer S.syn-ack armed 100ms
    strict S>K SYN,ACK 0 ack 1 LOST
    strict S>K SYN,ACK 0 ack 1 LOST RETRANS within 90ms..110ms
    strict S>K SYN,ACK 0 ack 1 LOST RETRANS within 190ms..210ms
    strict S>K SYN,ACK 0 ack 1 RETRANS within 390ms..410ms ; K ESTABLISHED
    strict K>S ACK 1 ack 1        ; S ESTABLISHED
    ${CLOSE}
  `,
  check: ({ events }) => {
    const waits = happened(events, 'timer:set', { timer: 'syn-ack' }).map(({ data }) =>
      Number(data['afterMs']),
    );
    const sent = events.filter(({ ev, data }) => ev === 'seg:sent' && data['flags'] === 'SYN,ACK');
    return [
      point(
        'The timer doubled with every try',
        '定时器每次加倍',
        waits.length === 4 && doubles(waits),
        `${waits.join(', ')} ms`,
      ),
      point(
        'It was the same SYN,ACK every time, and the log says of which event each is the retransmission',
        '每次都是同一个 SYN,ACK，日志写明各自重传的是哪一个',
        sent.length === 4 &&
          new Set(sent.map(rawNumber)).size === 1 &&
          sent.slice(1).every(({ data }) => data['retransmission'] === true && 'retransOf' in data),
      ),
      point('K never had to send its SYN again', 'K 不必重发 SYN', segments(events, 'K', 'SYN').length === 1),
    ];
  },
};

const rawSeq = (events: readonly LogEvent[], index: number): unknown => rawNumber(events[index] as LogEvent);
const rawNumber = ({ data }: LogEvent): unknown => (data['raw'] as { seq?: number } | undefined)?.seq;

export default lab({
  id: 'open/synack-lost',
  level: 2,
  minutes: 3,
  answers: ['B5', 'B8'],
  rfc: ['RFC 9293 §3.8.1', 'RFC 9293 §3.10.7.4', 'RFC 6298 §5'],
  code: ['src/tcp/compact/syn-table.ts', 'src/tcp/input/passive.ts', 'src/tcp/timers/expire.ts'],
  title: { en: 'What if the SYN,ACK is lost?', zh: '如果 SYN,ACK 丢了会怎样？' },
  question: {
    en:
      'The second segment is lost. Two ends have sent something that was not acknowledged: which ' +
      'of them sends again?',
    zh: '第二个报文段丢失了。双方都有未被确认的东西：谁来重发？',
  },
  type: {
    'nc.openbsd': [
      { run: 'nc -N 10.9.0.2 7' },
      { run: 'ss -tano', terminal: 2 },
      { run: 'fourwave ss', terminal: 2 },
      { wait: { en: 'it is open after all, a second later', zh: '一秒后终于建立' }, until: 'S ESTABLISHED' },
      { key: 'Ctrl-D' },
    ],
    any: [{ run: 'nc 10.9.0.2 7' }, { run: 'ss -tano', terminal: 2 }, { key: 'Ctrl-C' }],
  },
  acts: [both, peerFirst, stackFirst],
  predict: {
    ask: { en: 'The SYN,ACK is lost. Who has a timer?', zh: 'SYN,ACK 丢了。谁有定时器？' },
    choices: [
      { en: 'only K: it waits for an answer', zh: '只有 K：它在等回答' },
      { en: 'only S: it was its segment', zh: '只有 S：是它的报文段' },
      { en: 'both', zh: '双方都有' },
    ],
    right: 2,
    why: {
      en: "K's SYN and S's SYN both take up a sequence number that is not acknowledged yet. Each guards its own.",
      zh: 'K 的 SYN 和 S 的 SYN 各占一个尚未被确认的序号，各自看守自己的。',
    },
  },
  narrate: [
    {
      when: 'S>K SYN,ACK LOST',
      say: {
        en: 'The SYN,ACK is lost. For K nothing has come; S thinks that it has answered.',
        zh: 'SYN,ACK 丢失了。K 什么也没收到，而 S 以为自己已经回答。',
      },
    },
    {
      when: 'S>K SYN,ACK RETRANS',
      say: { en: 'The same SYN,ACK again, with the same number.', zh: '同一个 SYN,ACK 再次发出，序号不变。' },
    },
  ],
  explain: {
    en: `Two sequence numbers are unacknowledged: K's SYN (its acknowledgement was lost) and S's SYN. So both ends
have a timer of one second, and whichever fires first mends it. Often both do: then there is one SYN,ACK more
than needed, and K answers it with one bare ACK more.

When K's SYN comes again S finds the connection in its SYN queue and repeats its answer; it opens nothing new
and does not touch its own timer, for otherwise somebody who repeats SYNs could keep the entry there for ever.
S alone sends again after 1, 2, 4 … times its first timeout (RFC 6298 §5.5), and gives up after
"retries.synAck" of them.`,
    zh: `有两个序号未被确认：K 的 SYN（对它的确认丢了）和 S 的 SYN。所以双方都有一秒的定时器，谁先到期谁就补救。
常常两者都到期：那样会多一个 SYN,ACK,K 再多回一个纯 ACK。

K 的 SYN 再次到来时，S 在 SYN 队列里找到这个连接，把回答重复一遍；不会打开新的连接，也不动自己的定时器，
否则不断重复 SYN 的人就能让这一项永远留着。S 自己的重发间隔是首次超时的 1、2、4……倍（RFC 6298 §5.5），
发满 "retries.synAck" 次后放弃。`,
  },
  next: ['open/third-ack-lost', 'open/why-not-two'],
  broken: {
    what: 'S has opened with the SYN alone and does not wait for the third segment: nothing is sent again.',
    stack: { 'lab.handshake': 'two-way' },
    act: 's-first',
  },
});
