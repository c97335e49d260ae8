/** close/third-wave-lost: S's FIN is lost; LAST-ACK has a timer, FIN-WAIT-2 has none. */

import { lab } from '../../lab.ts';
import { checked, gapsOf, segmentsWith, timerEvents } from './scenes.ts';

export default lab({
  id: 'close/third-wave-lost',
  level: 2,
  minutes: 2,
  answers: ['B25'],
  rfc: ['RFC 9293 §3.6', 'RFC 6298 §5'],
  code: ['src/tcp/timers/retransmission.ts', 'src/tcp/recovery/timeout.ts'],
  title: { en: 'What if the third wave is lost?', zh: '如果第三次挥手丢了会怎样？' },
  question: {
    en: "S's FIN is lost, twice. Who waits for whom, and how long?",
    zh: 'S 的 FIN 丢了两次。谁在等谁？等多久？',
  },
  profile: 'strict',
  services: { late: { think: 500 } },
  real: { stack: { 'rto.min': '400ms' } },
  faults: ['drop out where fin times 2'],
  type: {
    'nc.openbsd': [{ run: 'nc -N 10.9.0.2 2001' }, { key: 'Ctrl-D' }, { run: 'fourwave ss -a', terminal: 2 }],
    ncat: [{ run: 'ncat 10.9.0.2 2001' }, { key: 'Ctrl-D' }],
    any: [{ run: 'nc -N 10.9.0.2 2001' }, { key: 'Ctrl-D' }],
  },
  auto: async (stage) => {
    const nc = await stage.nc(2001, { N: true });
    await stage.until('S ESTABLISHED');
    await nc.eof();
    await stage.until('S>K FIN,ACK LOST');
    await stage.wait(50);
    const [socket] = await stage.kernelSockets();
    stage.keep('K', `${socket?.state ?? 'gone'}, ${socket?.timer?.name ?? 'no timer'}`);
    await nc.exited(12_000);
    await stage.until('S CLOSED');
  },
  predict: {
    ask: { en: "S's FIN is lost. Who sends next?", zh: 'S 的 FIN 丢失。接下来谁发送？' },
    choices: [
      { en: 'K: it asks where the FIN is', zh: 'K：它会询问 FIN 在哪里' },
      { en: 'S: its retransmission timer', zh: 'S：它的重传定时器' },
      { en: 'both: each has a timer', zh: '双方：各有定时器' },
    ],
    right: 1,
    why: {
      en: 'K does not even know that there was a FIN. In FIN-WAIT-2 it has nothing unacknowledged, and so no timer.',
      zh: 'K 根本不知道有过 FIN。它在 FIN-WAIT-2 没有未确认的东西，也就没有定时器。',
    },
  },
  narrate: [
    {
      when: 'S>K FIN,ACK LOST',
      say: {
        en: 'S is in LAST-ACK with its retransmission timer; K waits in FIN-WAIT-2 and has none.',
        zh: 'S 处于 LAST-ACK，重传定时器在跑；K 在 FIN-WAIT-2 等待，没有定时器。',
      },
    },
    {
      when: 'S>K FIN,ACK RETRANS LOST',
      say: { en: 'Lost again: the timeout doubles.', zh: '又丢了：超时加倍。' },
    },
  ],
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1 ack 1
    K>S FIN,ACK 1 ack 1              ; S CLOSE-WAIT
    S>K ACK 1 ack 2                  ; K FIN-WAIT-2
    S>K PSH,ACK 1:w ack 2
    S>K FIN,ACK w ack 2 LOST         ; S LAST-ACK
    K>S ACK 2 ack w
    strict S>K FIN,ACK w ack 2 RETRANS LOST trigger rto copy 2
    strict S>K FIN,ACK w ack 2 RETRANS trigger rto copy 3 ; K TIME-WAIT
    strict K>S ACK 2 ack w+1         ; S CLOSED
    closed normal
  `,
  check: ({ events, kept, programs }) => {
    const fins = segmentsWith(events, 'S', 'FIN');
    const gaps = gapsOf(fins);
    const chain = events
      .filter(({ ev, data }) => ev === 'seg:sent' && String(data['flags']).includes('FIN'))
      .map(({ data }) => data['retransOf'] ?? null);
    const fired = timerEvents(events, 'rto').filter(({ ev }) => ev === 'timer:fire');
    return [
      checked('the timer fired twice', '定时器到期两次', fired.length === 2, fired.length),
      checked(
        'the second wait was twice the first',
        '第二次等待是第一次的两倍',
        gaps.length === 2 && Math.abs((gaps[1] as number) / (gaps[0] as number) - 2) < 0.35,
        `${gaps.join(', ')} ms`,
      ),
      checked(
        'both are retransmissions of one and the same segment',
        '两次都是同一个报文段的重传',
        chain.length === 3 && chain[0] === null && chain[1] !== null && chain[2] !== null,
        JSON.stringify(chain),
      ),
      checked(
        'meanwhile K was in FIN-WAIT-2, without a timer',
        '其间 K 处于 FIN-WAIT-2，没有定时器',
        kept['K'] === undefined || kept['K'] === 'FIN-WAIT-2, no timer',
        String(kept['K']),
      ),
      checked('nc had printed the answer long before', 'nc 早已打印出回答', programs[0]?.exit?.code === 0),
    ];
  },
  explain: {
    en: `S has closed and is in LAST-ACK: its FIN is not acknowledged, so its retransmission timer runs, and
doubles with
each try (RFC 6298 §5; this lab runs with the strict profile, whose timeout is never below one second). K is in
FIN-WAIT-2. It has sent everything, everything is acknowledged, and what it waits for may take for ever: that is
the nature of the half-closed state. So K has no timer, and cannot tell a lost FIN from a server that
thinks. (Linux gives FIN-WAIT-2 a timer once no program holds the socket any more: see close/peer-vanishes.)`,
    zh: `S 已关闭，处于 LAST-ACK：它的 FIN 没有被确认，所以重传定时器在跑，每次加倍（RFC 6298 §5；本实验使用 strict 配置，
超时从不低于一秒）。K 处于 FIN-WAIT-2：它要发的都发了，也都被确认了，它等待的东西可能永远不来，这正是半关闭状态的本性。
所以 K 没有定时器，也无法区分丢失的 FIN 与还在思考的服务器。（Linux 在没有程序持有套接字之后，会给 FIN-WAIT-2 一个定时器：
见 close/peer-vanishes。）`,
  },
  next: ['close/last-ack-lost', 'close/peer-vanishes', 'close/orphan-retries'],
  broken: {
    what: 'S does not send its FIN again: LAST-ACK ends as if nobody were there.',
    stack: { 'retries.orphan': '0', 'retries.data': '0' },
  },
});
