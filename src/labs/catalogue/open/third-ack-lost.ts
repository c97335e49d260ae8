/** open/third-ack-lost: one side is open, the other is not yet. */

import { type Act, lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { happened, pathOf, point, segments, statesOfK, statesOfS } from './points.ts';

/** Looks at both while only one of them is open. */
const look = async (stage: Stage): Promise<void> => {
  await stage.until('K>S ACK LOST');
  await stage.wait(100);
  stage.keep('K', await statesOfK(stage));
  stage.keep('S', await statesOfS(stage));
};

const apart = (kept: Readonly<Record<string, unknown>>) =>
  point(
    'With the ACK lost, K was ESTABLISHED and S in SYN-RECEIVED',
    'ACK 丢失期间，K 是 ESTABLISHED，而 S 在 SYN-RECEIVED',
    kept['K'] === 'ESTABLISHED' && kept['S'] === 'SYN-RECEIVED (syn-ack)',
    `K ${String(kept['K'])}, S ${String(kept['S'])}`,
  );

const silent: Act = {
  name: 'nobody-sends',
  title: { en: 'Nobody sends', zh: '谁也不发送' },
  faults: ['drop in where ack-only times 1'],
  auto: async (stage) => {
    const nc = await stage.nc(7, { N: true });
    await look(stage);
    await stage.until('S ESTABLISHED');
    await nc.eof();
    await nc.exited();
  },
  expect: `
    K>S SYN 0                     ; S SYN-RECEIVED  timer S.syn-ack armed 1s
    strict S>K SYN,ACK 0 ack 1    ; K ESTABLISHED
    strict K>S ACK 1 ack 1 LOST   ; K ESTABLISHED
    strict S>K SYN,ACK 0 ack 1 RETRANS within 950ms..1050ms
    strict K>S ACK 1 ack 1        ; S ESTABLISHED
    K>S FIN,ACK 1 ack 1
    S>K FIN,ACK 1 ack 2
    K>S ACK 2 ack 2               ; S CLOSED
  `,
  check: ({ events, kept }) => [
    apart(kept),
    point(
      'S went through SYN-RECEIVED once',
      'S 只经过一次 SYN-RECEIVED',
      pathOf(events, 'c1').startsWith('LISTEN → SYN-RECEIVED → ESTABLISHED'),
      pathOf(events, 'c1'),
    ),
    point(
      'The application was told only now',
      '应用程序到此时才得到通知',
      (happened(events, 'app:accept')[0]?.t ?? 0) >=
        (happened(events, 'conn:state', { new: 'ESTABLISHED' })[0]?.t ?? 1),
    ),
  ],
};

const data: Act = {
  name: 'data-follows',
  title: { en: 'K types a line at once', zh: 'K 立刻输入一行' },
  faults: ['drop in where ack-only times 1'],
  auto: async (stage) => {
    const nc = await stage.nc(7, { N: true });
    await look(stage);
    await nc.type('hi');
    await nc.saw('hi');
    await stage.wait(1300);
    await nc.eof();
    await nc.exited();
  },
  expect: `
    K>S SYN 0                     ; S SYN-RECEIVED  timer S.syn-ack armed 1s
    strict S>K SYN,ACK 0 ack 1    ; K ESTABLISHED
    strict K>S ACK 1 ack 1 LOST
    strict K>S PSH,ACK 1:4 ack 1  ; S ESTABLISHED  timer S.syn-ack cancelled
    S>K PSH,ACK 1:4 ack 4
    K>S FIN,ACK 4 ack 4
    S>K FIN,ACK 4 ack 5
    K>S ACK 5 ack 5               ; S CLOSED
    never event timer:fire timer=syn-ack
  `,
  check: ({ events, kept, programs }) => {
    const opened = happened(events, 'conn:state', { new: 'ESTABLISHED' })[0];
    const line = events.find(({ ev, data: { len } }) => ev === 'seg:received' && Number(len) > 0);
    return [
      apart(kept),
      point(
        'It was the segment with the line that opened the connection',
        '打开连接的是带着那一行的报文段',
        opened !== undefined && opened.cause === line?.n,
        `ESTABLISHED because of event ${String(opened?.cause)}`,
      ),
      point(
        'Nothing was sent a second time',
        '没有任何东西被发送两次',
        segments(events, 'S', 'SYN,ACK').length === 1,
      ),
      point('The line came back', '那一行回来了', programs[0]?.printed.includes('hi\n') ?? false),
    ];
  },
};

/** Not more often: Linux answers repeated SYN,ACKs at most twice a second. */
const often: Act = {
  name: 'twice',
  title: {
    en: 'The ACK is lost twice, and the server is to speak first',
    zh: 'ACK 丢失两次，而应由服务器先发言',
  },
  stack: { 'rto.initial': '600ms' },
  faults: ['drop in where ack-only times 2'],
  auto: async (stage) => {
    const nc = await stage.nc(13);
    await nc.saw('\n');
    await stage.until('S FIN-WAIT-2');
    await nc.eof();
    await nc.exited();
    await stage.until('S TIME-WAIT');
  },
  expect: `
    K>S SYN 0                     ; S SYN-RECEIVED  timer S.syn-ack armed 600ms
    strict S>K SYN,ACK 0 ack 1    ; K ESTABLISHED
    strict K>S ACK 1 ack 1 LOST
    strict S>K SYN,ACK 0 ack 1 RETRANS within 570ms..630ms
    strict K>S ACK 1 ack 1 LOST
    strict S>K SYN,ACK 0 ack 1 RETRANS within 1150ms..1250ms
    K>S ACK 1 ack 1               ; S ESTABLISHED
    S>K PSH,ACK 1:n ack 1
    S>K FIN,ACK n ack 1           ; S FIN-WAIT-1
    ...
    K>S FIN,ACK 1 ack n+1         ; S TIME-WAIT
    S>K ACK n+1 ack 2
  `,
  check: ({ events }) => [
    point(
      'A server that speaks first could not: the connection was not its own yet',
      '先发言的服务器也发不出去：连接还没有交给它',
      firstText(events) > (happened(events, 'conn:state', { new: 'ESTABLISHED' })[0]?.n ?? Number.NaN),
    ),
  ],
};

const firstText = (events: Parameters<typeof happened>[0]): number =>
  events.find(({ ev, data: { len } }) => ev === 'seg:sent' && Number(len) > 0)?.n ?? 0;

export default lab({
  id: 'open/third-ack-lost',
  level: 2,
  minutes: 3,
  answers: ['B7', 'B8', 'B9', 'B10'],
  rfc: ['RFC 9293 §3.5', 'RFC 9293 §3.10.7.4'],
  code: ['src/tcp/input/passive.ts', 'src/tcp/input/5-ack.ts', 'src/tcp/compact/syn-table.ts'],
  title: { en: 'What if the third segment is lost?', zh: '如果第三个报文段丢了会怎样？' },
  question: {
    en:
      'K has sent the third segment and is ESTABLISHED. It never arrives. Who notices, and does ' +
      'anybody have to send it again?',
    zh: 'K 发出第三个报文段后就是 ESTABLISHED，但它没有到达。谁会发现？有人需要重发它吗？',
  },
  type: {
    'nc.openbsd': [
      { run: 'nc -N 10.9.0.2 7' },
      { run: 'ss -tano', terminal: 2 },
      { run: 'fourwave ss', terminal: 2 },
      { wait: { en: 'both are ESTABLISHED', zh: '双方都是 ESTABLISHED' }, until: 'S ESTABLISHED' },
      { key: 'Ctrl-D' },
    ],
    any: [
      { run: 'nc 10.9.0.2 7' },
      { wait: { en: 'both are ESTABLISHED', zh: '双方都是 ESTABLISHED' }, until: 'S ESTABLISHED' },
      { key: 'Ctrl-C' },
    ],
  },
  acts: [silent, data, often],
  predict: {
    ask: {
      en: 'K types a line before anybody has noticed the loss. What happens?',
      zh: '在任何人发现丢失之前，K 输入一行。会怎样？',
    },
    choices: [
      { en: 'S answers with a RST: it is not connected', zh: 'S 回答 RST：它还没有连接' },
      {
        en: 'S throws the line away until the third segment comes again',
        zh: 'S 丢弃它，直到第三个报文段再次到来',
      },
      { en: 'the line itself completes the handshake', zh: '这一行本身就完成了握手' },
    ],
    right: 2,
    why: {
      en: 'Every segment after the SYN carries an ACK. The line says ack = y + 1 just as the lost segment did.',
      zh: 'SYN 之后的每个报文段都带 ACK。这一行和丢失的那个一样，说的是 ack = y + 1。',
    },
  },
  narrate: [
    {
      when: 'K>S ACK LOST',
      say: {
        en: 'K has said all that it has to say and is ESTABLISHED. S does not know, and waits in SYN-RECEIVED.',
        zh: 'K 该说的都说了，已是 ESTABLISHED。S 并不知道，还在 SYN-RECEIVED 等待。',
      },
    },
    {
      when: 'K>S PSH,ACK ; S ESTABLISHED',
      say: {
        en: 'The line carries ack = y + 1: the handshake is complete, and nothing had to be sent again.',
        zh: '这一行带着 ack = y + 1：握手完成，什么都不必重发。',
      },
    },
  ],
  explain: {
    en: `K is ESTABLISHED when it sends the third segment, S when it receives it: in between lies at least one
trip, and when the segment is lost, a second. A pure ACK has no timer behind it. It is S that notices, because
nobody has acknowledged its SYN: after a second it sends its SYN,ACK again, and K, which has an open connection,
answers with the same ACK.

But mostly S need not wait. As every segment after the SYN carries an acknowledgement, the first line that K
types does all that the lost segment should have done (fifth check of RFC 9293 §3.10.7.4 in SYN-RECEIVED). Only
when the server is to speak first there is nothing to do but wait.`,
    zh: `K 发出第三个报文段时就是 ESTABLISHED,S 收到它时才是：其间至少隔着一程，丢失时则隔着一秒。
纯 ACK 背后没有定时器。发现问题的是 S，因为没有人确认它的 SYN：一秒后它重发 SYN,ACK，而连接已经打开的 K 用同样的 ACK 回答。

但多数时候 S 不必等。SYN 之后的每个报文段都带确认，所以 K 输入的第一行就做了丢失的报文段该做的一切
（RFC 9293 §3.10.7.4 第五步检查，SYN-RECEIVED）。只有当服务器应该先发言时，才只能等。`,
  },
  next: ['open/why-not-two', 'open/simultaneous', 'close/last-ack-lost'],
  broken: {
    what: 'S opens with the SYN alone: the third segment has nothing left to complete.',
    stack: { 'lab.handshake': 'two-way' },
  },
});
