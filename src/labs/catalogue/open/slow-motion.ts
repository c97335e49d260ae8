/** open/slow-motion: the handshake on a line so slow that one can watch the states. */

import { rungsOf } from '../../expect/rungs.ts';
import { lab } from '../../lab.ts';
import { happened, point, segments, statesOfK, statesOfS } from './points.ts';

export default lab({
  id: 'open/slow-motion',
  level: 1,
  minutes: 3,
  answers: ['B8', 'B4', 'B5', 'B57'],
  rfc: ['RFC 9293 §3.3.2', 'RFC 9293 §3.5', 'RFC 9293 §3.8.1', 'RFC 6298 §2'],
  code: ['src/tcp/input/listen.ts', 'src/tcp/compact/syn-table.ts', 'src/tcp/timers/retransmission.ts'],
  title: { en: 'The handshake in slow motion', zh: '慢动作看三次握手' },
  question: {
    en:
      'SYN-SENT and SYN-RECEIVED flash by when all goes well. What do they look like when every ' +
      'segment takes two seconds?',
    zh: '一切顺利时 SYN-SENT 和 SYN-RECEIVED 一闪而过。如果每个报文段都要走两秒，它们是什么样子？',
  },
  faults: ['delay both 2s'],
  real: { faults: ['delay both 800ms'] },
  type: {
    'nc.openbsd': [
      { run: 'nc -N 10.9.0.2 7' },
      { run: 'ss -tano', terminal: 2 },
      { run: 'fourwave ss -a', terminal: 2 },
      {
        wait: { en: 'the connection is open, after about six seconds', zh: '大约六秒后连接建立' },
        until: 'S ESTABLISHED',
      },
      { key: 'Ctrl-D' },
    ],
    any: [{ run: 'nc 10.9.0.2 7' }, { run: 'ss -tano', terminal: 2 }, { key: 'Ctrl-C' }],
  },
  auto: async (stage) => {
    const nc = await stage.nc(7, { N: true });
    await stage.wait(500);
    stage.keep('K first', await statesOfK(stage));
    await stage.until('S SYN-RECEIVED');
    await stage.wait(300);
    stage.keep('S then', await statesOfS(stage));
    stage.keep('K then', await statesOfK(stage));
    await stage.until('S ESTABLISHED');
    await stage.wait(stage.mode === 'sim' ? 4500 : 2000);
    stage.keep('S at last', await statesOfS(stage));
    await stage.clearFaults();
    await nc.eof();
    await nc.exited();
    await stage.until('S CLOSED');
  },
  predict: {
    ask: {
      en: 'K hears nothing for four seconds. How many SYNs does it send meanwhile?',
      zh: 'K 四秒内听不到任何回应。这期间它会发送几个 SYN?',
    },
    choices: [
      { en: 'one: the first is on its way', zh: '一个：第一个还在路上' },
      { en: 'several, all with the same number', zh: '好几个，序号都相同' },
      { en: 'several, each with a new number', zh: '好几个，每个序号都不同' },
    ],
    right: 1,
    why: {
      en:
        'Its retransmission timer starts at one second and knows nothing of the slow line. What it ' +
        'sends again is the very same SYN.',
      zh: '它的重传定时器从一秒开始，并不知道线路很慢。它重发的是同一个 SYN。',
    },
  },
  narrate: [
    {
      when: 'K>S SYN 0 ; S SYN-RECEIVED',
      say: {
        en: 'The SYN was on its way for two seconds: so long K was in SYN-SENT, and S knew nothing.',
        zh: 'SYN 在路上走了两秒：这段时间 K 处在 SYN-SENT，而 S 一无所知。',
      },
    },
    {
      when: 'K>S SYN 0 RETRANS',
      say: {
        en:
          'The SYN that K sent when it had heard nothing for a second. S has this connection ' +
          'already: the same SYN,ACK again.',
        zh: 'K 一秒内没有听到回应，于是又发了 SYN。S 已经有了这个连接：再发一次同样的 SYN,ACK。',
      },
    },
  ],
  expect: `
    K>S SYN 0                    ; S SYN-RECEIVED  timer S.syn-ack armed 1s
    strict S>K SYN,ACK 0 ack 1   ; S SYN-RECEIVED
    ...
    K>S SYN 0 RETRANS            ; S SYN-RECEIVED
    ...
    K>S ACK 1 ack 1              ; S ESTABLISHED
    ...
    K>S FIN,ACK 1 ack 1          ; S CLOSE-WAIT
    S>K FIN,ACK 1 ack 2          ; S LAST-ACK
    ...
    K>S ACK 2 ack 2              ; S CLOSED
    ...
  `,
  check: ({ events, kept }) => {
    const syns = segments(events, 'K', 'SYN');
    const answers = segments(events, 'S', 'SYN,ACK');
    const acks = rungsOf(events).filter(
      ({ from, flags, seq }) => from === 'K' && flags.join() === 'ACK' && seq === 1,
    );
    const opened = happened(events, 'conn:opened').length;
    const waited = between(events, 'SYN-RECEIVED', 'ESTABLISHED');
    return [
      point(
        'The SYN came at least twice, each time with the same number',
        'SYN 至少到达两次，每次序号相同',
        syns.length >= 2 && new Set(syns.map(({ index }) => raw(events, index))).size === 1,
        `${syns.length} SYNs`,
      ),
      point(
        'Every SYN was answered by the same SYN,ACK, and K acknowledged more than one of them',
        '每个 SYN 都得到同样的 SYN,ACK,K 确认了不止一个',
        answers.length >= syns.length &&
          new Set(answers.map(({ index }) => raw(events, index))).size === 1 &&
          acks.length >= 2,
        `${answers.length} SYN,ACKs, ${acks.length} ACKs`,
      ),
      point('S had one connection all the time', 'S 始终只有一个连接', opened === 1, `${opened} opened`),
      point(
        'K was to be seen in SYN-SENT, with its retransmission timer',
        '可以看到 K 处在 SYN-SENT，重传定时器在跑',
        kept['K first'] === 'SYN-SENT (rto)' && kept['K then'] === 'SYN-SENT (rto)',
        String(kept['K first']),
      ),
      point(
        'S was to be seen in SYN-RECEIVED, with the timer of its SYN,ACK',
        '可以看到 S 处在 SYN-RECEIVED,SYN,ACK 的定时器在跑',
        kept['S then'] === 'SYN-RECEIVED (syn-ack)',
        String(kept['S then']),
      ),
      point(
        'S waited for two trips, there and back',
        'S 等了一个往返的时间',
        waited > 1550 && waited < 5200,
        `${waited.toFixed(0)} ms`,
      ),
      point(
        'No timer is left when it is open: duplicates have changed nothing',
        '连接建立后没有定时器：重复的报文段没有改变任何东西',
        kept['S at last'] === 'ESTABLISHED',
        String(kept['S at last']),
      ),
    ];
  },
  explain: {
    en: `A SYN says "my numbers begin at x", and until the answer is there K sits in SYN-SENT; from the SYN until
the third segment S sits in SYN-RECEIVED. On a wire in one room that is less than a millisecond each; here it is
four seconds.

Both have a retransmission timer of one second before the first round trip is measured (RFC 6298 §2), so on this
line both send again what was never lost. Nothing comes of it: the second SYN has the same number as the first,
S finds the connection that it has already, and answers again; the second SYN,ACK meets an open connection and
earns a bare ACK. Numbers make duplicates harmless: that is what they are for.`,
    zh: `SYN 的意思是"我的序号从 x 开始"，在收到回答之前 K 处在 SYN-SENT；从收到 SYN 到收到第三个报文段，S 处在 SYN-RECEIVED。
在同一个房间里这两段时间都不到一毫秒，在这里是四秒。

在测出第一个往返时间之前，双方的重传定时器都是一秒（RFC 6298 §2），所以在这条线路上，双方都重发了其实没有丢失的东西。
但什么事也没发生：第二个 SYN 和第一个序号相同，S 找到已有的连接，再回答一次；第二个 SYN,ACK 到达时连接已经打开，只换来一个纯 ACK。
序号让重复变得无害：这正是它的用途。`,
  },
  next: ['open/syn-lost', 'open/third-ack-lost', 'open/old-duplicate-syn'],
  broken: {
    what: 'S believes the SYN alone: there is no SYN-RECEIVED to be seen.',
    stack: { 'lab.handshake': 'two-way' },
  },
});

type Events = Parameters<typeof happened>[0];

const raw = (events: Events, index: number): string =>
  JSON.stringify((events[index]?.data['raw'] as { seq?: number } | undefined)?.seq);

/** ms. */
function between(events: Events, from: string, to: string): number {
  const at = (state: string): number => happened(events, 'conn:state', { new: state })[0]?.t ?? Number.NaN;
  return (at(to) - at(from)) * 1000;
}
