/** open/why-not-four: what happens when S sends its ACK and its SYN apart. */

import type { LogEvent } from '../../../trace/log-event.ts';
import { rungsOf } from '../../expect/rungs.ts';
import { type Act, lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { pathOf, point, statesOfK } from './points.ts';

/** So that one can look at K between two segments. */
const SLOW = ['delay in where syn && ack 400ms'];

const play = async (stage: Stage): Promise<void> => {
  const nc = await stage.nc(7, { N: true });
  await stage.wait(100);
  stage.keep('K after 100 ms', await statesOfK(stage));
  await stage.wait(250);
  stage.keep('K after 350 ms', await statesOfK(stage));
  await stage.until('S ESTABLISHED');
  await nc.type('hi');
  await nc.saw('hi');
  await nc.eof();
  await nc.exited();
};

const REST = `
    K>S PSH,ACK 1:4 ack 1
    S>K PSH,ACK 1:4 ack 4
    K>S FIN,ACK 4 ack 4
    S>K FIN,ACK 4 ack 5
    K>S ACK 5 ack 5               ; S CLOSED
`;

const merged: Act = {
  name: 'merged',
  title: { en: 'SYN and ACK in one segment', zh: 'SYN 和 ACK 合在一个报文段里' },
  faults: SLOW,
  auto: play,
  expect: `
    K>S SYN 0                     ; S SYN-RECEIVED  K SYN-SENT
    strict S>K SYN,ACK 0 ack 1    ; K ESTABLISHED
    strict K>S ACK 1 ack 1        ; S ESTABLISHED
    ${REST}
  `,
  check: ({ events, kept }) => [
    point('Three segments', '三个报文段', ofOpening(events) === 3, `${ofOpening(events)}`),
    point(
      'K was open at once, and never in SYN-RECEIVED',
      'K 立刻打开，从未进入 SYN-RECEIVED',
      kept['K after 100 ms'] === 'ESTABLISHED',
      String(kept['K after 100 ms']),
    ),
  ],
};

const apart: Act = {
  name: 'apart',
  title: { en: 'ACK first, SYN 200 ms later', zh: '先发 ACK,200 毫秒后再发 SYN' },
  stack: { 'lab.splitSynAck': 'on' },
  faults: SLOW,
  auto: play,
  expect: `
    K>S SYN 0                     ; S SYN-RECEIVED  K SYN-SENT
    strict S>K ACK 0 ack 1        ; S SYN-RECEIVED
    strict S>K SYN 0 within 150ms..250ms ; K SYN-RECEIVED
    strict K>S SYN,ACK 0 ack 1 DELAYED ; S ESTABLISHED
    strict S>K ACK 1 ack 1        ; K ESTABLISHED
    ${REST}
  `,
  check: ({ events, kept, programs }) => [
    point(
      'Five segments instead of three',
      '五个报文段，而不是三个',
      ofOpening(events) === 5,
      `${ofOpening(events)}`,
    ),
    point(
      'A bare ACK did nothing: K still waited in SYN-SENT',
      '单独的 ACK 不起作用：K 还在 SYN-SENT 等待',
      String(kept['K after 100 ms']).startsWith('SYN-SENT'),
      String(kept['K after 100 ms']),
    ),
    point(
      'The bare SYN took K through SYN-RECEIVED',
      '单独的 SYN 让 K 经过 SYN-RECEIVED',
      String(kept['K after 350 ms']).startsWith('SYN-RECEIVED'),
      String(kept['K after 350 ms']),
    ),
    point(
      'It works all the same: the line came back',
      '照样能用：那一行回来了',
      programs[0]?.printed.includes('hi') ?? false,
      pathOf(events, 'c1'),
    ),
  ],
};

/** Segments before the first that carries data. */
function ofOpening(events: readonly LogEvent[]): number {
  const rungs = rungsOf(events);
  const data = rungs.findIndex(({ len }) => len > 0);
  return rungs.slice(0, data).length;
}

export default lab({
  id: 'open/why-not-four',
  level: 3,
  minutes: 3,
  answers: ['B11', 'B12', 'B13'],
  rfc: ['RFC 9293 §3.5', 'RFC 9293 §3.10.7.3'],
  code: ['src/tcp/input/listen.ts', 'src/tcp/input/syn-sent.ts', 'src/tcp/compact/syn-table.ts'],
  title: { en: 'Why not four segments?', zh: '为什么不是四次握手？' },
  question: {
    en: 'S has to acknowledge and to send its own SYN. What if it does so in two segments instead of one?',
    zh: 'S 要确认，又要发送自己的 SYN。如果它用两个报文段而不是一个，会怎样？',
  },
  type: {
    'nc.openbsd': [
      { run: 'nc -N 10.9.0.2 7' },
      { run: 'ss -tan', terminal: 2 },
      { line: 'hi' },
      { key: 'Ctrl-D' },
    ],
    any: [{ run: 'nc 10.9.0.2 7' }, { run: 'ss -tan', terminal: 2 }, { line: 'hi' }, { key: 'Ctrl-C' }],
  },
  acts: [merged, apart],
  predict: {
    ask: {
      en: 'S sends a bare ACK, and 200 ms later a bare SYN. How many segments until both are open?',
      zh: 'S 先发纯 ACK,200 毫秒后发纯 SYN。双方都打开时一共有几个报文段？',
    },
    choices: [
      { en: 'three', zh: '三个' },
      { en: 'four', zh: '四个' },
      { en: 'five', zh: '五个' },
    ],
    right: 2,
    why: {
      en:
        'K cannot use the ACK alone. The SYN then looks to K like a simultaneous open: it sends its own SYN again, ' +
        'with an ACK, and that has to be acknowledged, too.',
      zh: 'K 用不上单独的 ACK。随后的 SYN 在 K 看来是同时打开：它把自己的 SYN 连同 ACK 再发一次，而这又需要确认。',
    },
  },
  narrate: [
    {
      when: 'S>K ACK 0 ack 1',
      say: {
        en:
          'The ACK alone. In SYN-SENT K waits for a SYN; a segment without one says nothing, and K ' +
          'stays where it is.',
        zh: '单独的 ACK。在 SYN-SENT,K 等的是 SYN；没有 SYN 的报文段什么也没说，K 停在原处。',
      },
    },
    {
      when: 'S>K SYN 0 ; K SYN-RECEIVED',
      say: {
        en:
          'The SYN alone. To K it looks as if both had opened at once: SYN-RECEIVED, and its own ' +
          'SYN again, with an ACK.',
        zh: '单独的 SYN。在 K 看来像是双方同时打开：进入 SYN-RECEIVED，并把自己的 SYN 连同 ACK 再发一次。',
      },
    },
  ],
  explain: {
    en: `"Four would work too, it is only wasteful" is what most texts say. It is worse than that. The diagram of
states has no place for "my SYN is acknowledged, and I wait for yours": in SYN-SENT a segment with an acceptable
ACK and without a SYN is dropped (RFC 9293 §3.10.7.3, fifth: "if neither of the SYN or RST bits is set"). The SYN
that follows has no ACK, so K takes the way of a simultaneous open: SYN-RECEIVED, SYN,ACK, and one more ACK. Five
segments, and another path through the diagram.

The kernel answers a SYN by itself and has both things ready at the same moment: that is why they travel together.
When closing it is different: the ACK of a FIN is the kernel's, the other FIN is the application's, and that may
take its time. Hence three to open and four to close.`,
    zh: `多数教材说："四次也行，只是浪费"。其实不止如此。状态图里没有"我的 SYN 已被确认，我在等你的 SYN"这个位置：
在 SYN-SENT，带可接受 ACK 而没有 SYN 的报文段会被丢弃（RFC 9293 §3.10.7.3，第五步：既没有 SYN 也没有 RST）。
随后的 SYN 不带 ACK，于是 K 走上同时打开的路：SYN-RECEIVED、SYN,ACK，还要再一个 ACK。一共五个报文段，走的是状态图上的另一条路。

对 SYN 的回答由内核自己完成，两样东西同时就绪，所以合在一起走。关闭时不同：对 FIN 的 ACK 归内核，
另一个 FIN 归应用程序，那可能要等一会儿。所以打开用三次，关闭用四次。`,
  },
  next: ['open/simultaneous', 'close/four-waves', 'close/three-waves'],
  broken: {
    what: 'S sends the two together after all.',
    act: 'apart',
    stack: { 'lab.splitSynAck': 'off' },
  },
});
