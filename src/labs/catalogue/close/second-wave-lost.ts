/** close/second-wave-lost: the ACK of the first FIN is lost; what heals it. */

import { lab } from '../../lab.ts';
import { checked, pathOf, segmentsWith } from './scenes.ts';

const SECOND_WAVE = 'drop out where ack-only && state==CLOSE-WAIT times 1';

export default lab({
  id: 'close/second-wave-lost',
  level: 2,
  minutes: 3,
  answers: ['B18', 'B26'],
  rfc: ['RFC 9293 §3.6', 'RFC 9293 §3.10.7.4', 'RFC 2883 §4'],
  code: ['src/tcp/input/1-sequence.ts', 'src/tcp/input/5-ack.ts', 'src/tcp/output/sack-option.ts'],
  title: { en: 'What if the second wave is lost?', zh: '如果第二次挥手丢了会怎样？' },
  question: {
    en: "The ACK of K's FIN is lost. In which state is K, and on what does it go on?",
    zh: '对 K 的 FIN 的 ACK 丢失了。K 处于什么状态？靠什么继续？',
  },
  type: {
    'nc.openbsd': [
      { run: 'nc -N 10.9.0.2 2001' },
      { key: 'Ctrl-D' },
      { run: 'ss -tano dst 10.9.0.2', terminal: 2 },
    ],
    ncat: [{ run: 'ncat 10.9.0.2 2001' }, { key: 'Ctrl-D' }],
    any: [{ run: 'nc -N 10.9.0.2 2001' }, { key: 'Ctrl-D' }],
  },
  predict: {
    ask: {
      en: 'The second wave is lost, and then S closes. Can K get to TIME-WAIT without ever seeing that ACK?',
      zh: '第二次挥手丢失，随后 S 关闭。K 没有见过那个 ACK，能进入 TIME-WAIT 吗？',
    },
    choices: [
      {
        en: 'no: its FIN must be acknowledged by a segment of its own',
        zh: '不能：它的 FIN 必须由单独的报文段确认',
      },
      { en: "yes: S's FIN acknowledges K's too", zh: '能：S 的 FIN 同时确认了 K 的 FIN' },
      { en: 'no, it goes to CLOSING', zh: '不能，它会进入 CLOSING' },
    ],
    right: 1,
    why: {
      en:
        'Acknowledgements are cumulative, and every segment carries one. CLOSING is for a FIN that does ' +
        'not acknowledge ours.',
      zh: '确认是累积的，每个报文段都带有确认号。只有当对方的 FIN 没有确认我们的 FIN 时才进入 CLOSING。',
    },
  },
  acts: [
    {
      name: 'comes-again',
      title: { en: 'The FIN comes again, and its ACK', zh: 'FIN 再次到来，ACK 也再次发出' },
      services: { late: { think: 3000 } },
      real: { services: { late: { think: 1500 } } },
      faults: [SECOND_WAVE],
      auto: async (stage) => {
        const nc = await stage.nc(2001, { N: true });
        await stage.until('S ESTABLISHED');
        await stage.wait(100);
        await nc.eof();
        await stage.until('S>K ACK 1 ack 2 LOST');
        const lost = (await stage.kernelSockets()).map(({ state }) => state).join();
        // On a busy machine the FIN may have come again before the kernel could be asked.
        if (segmentsWith(stage.log, 'K', 'FIN').length === 1) stage.keep('lost', lost);
        await stage.until('K>S FIN,ACK 1 RETRANS\nS>K ACK 1 ack 2');
        await stage.wait(50);
        stage.keep('healed', (await stage.kernelSockets()).map(({ state }) => state).join());
        await nc.exited();
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1
        K>S FIN,ACK 1 ack 1                 ; S CLOSE-WAIT  K FIN-WAIT-1
        strict S>K ACK 1 ack 2 LOST
        strict K>S FIN,ACK 1 ack 1 RETRANS DUPLICATE within 100ms..1500ms
        strict S>K ACK 1 ack 2 sack 1-2     ; K FIN-WAIT-2
        S>K PSH,ACK 1:w ack 2
        S>K FIN,ACK w ack 2                 ; S LAST-ACK    K TIME-WAIT
        K>S ACK 2 ack w+1                   ; S CLOSED
      `,
      check: ({ kept, events }) => [
        checked(
          'without the ACK K was in FIN-WAIT-1',
          '没有这个 ACK，K 处于 FIN-WAIT-1',
          kept['lost'] === undefined || kept['lost'] === 'FIN-WAIT-1',
          String(kept['lost']),
        ),
        checked(
          'with it K was in FIN-WAIT-2: on the second wave, not the third',
          '有了它 K 进入 FIN-WAIT-2：是在第二次挥手，不是第三次',
          kept['healed'] === undefined || kept['healed'] === 'FIN-WAIT-2',
          String(kept['healed']),
        ),
        checked(
          'the second FIN changed nothing at S',
          '第二个 FIN 没有改变 S 的状态',
          pathOf(events) === 'SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED',
          pathOf(events),
        ),
      ],
    },
    {
      name: 'overtaken',
      title: {
        en: "S's own FIN is faster: it acknowledges as well",
        zh: 'S 自己的 FIN 更快：它同时完成确认',
      },
      services: { echo: { think: 100 } },
      faults: [SECOND_WAVE],
      auto: async (stage) => {
        const nc = await stage.nc(7, { N: true });
        await stage.until('S ESTABLISHED');
        await stage.wait(100);
        await nc.eof();
        await stage.until('S>K ACK 1 ack 2 LOST');
        const before = (await stage.kernelSockets()).map(({ state }) => state).join();
        if (segmentsWith(stage.log, 'S', 'FIN').length === 0) stage.keep('before', before);
        await stage.until('S CLOSED');
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1
        K>S FIN,ACK 1 ack 1                 ; S CLOSE-WAIT  K FIN-WAIT-1
        strict S>K ACK 1 ack 2 LOST
        strict S>K FIN,ACK 1 ack 2          ; S LAST-ACK    K TIME-WAIT
        strict K>S ACK 2 ack 2              ; S CLOSED
        never K>S FIN,ACK RETRANS
      `,
      check: ({ kept, sockets }) => [
        checked(
          'K went from FIN-WAIT-1 to TIME-WAIT on one segment',
          'K 因一个报文段就从 FIN-WAIT-1 到了 TIME-WAIT',
          (kept['before'] ?? 'FIN-WAIT-1') === 'FIN-WAIT-1' &&
            sockets.map(({ state }) => state).join() === 'TIME-WAIT',
          `${String(kept['before'])} → ${sockets.map(({ state }) => state).join()}`,
        ),
      ],
    },
    {
      name: 'mirror',
      title: { en: "Mirror: S closes first, K's ACK is lost", zh: '镜像：S 先关闭，K 的 ACK 丢失' },
      stack: { msl: '1s' },
      faults: ['drop in where ack-only && ack==u+1 times 1'],
      auto: async (stage) => {
        const nc = await stage.nc(13);
        await stage.until('S FIN-WAIT-2');
        await nc.eof();
        await stage.until('S TIME-WAIT');
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        S>K PSH,ACK 1:n ack 1
        S>K FIN,ACK n ack 1                 ; S FIN-WAIT-1  K CLOSE-WAIT
        K>S ACK 1 ack n+1 LOST
        S>K FIN,ACK n ack 1 RETRANS         within 100ms..1500ms
        K>S ACK 1 ack n+1                   ; S FIN-WAIT-2
        K>S FIN,ACK 1 ack n+1               ; S TIME-WAIT
        S>K ACK n+1 ack 2
        S CLOSED within 1900ms..2100ms
      `,
      check: ({ events }) => {
        const [again] = segmentsWith(events, 'K', 'ACK').filter(({ sack }) => sack.length > 0);
        return [
          checked(
            'K reports the FIN as a duplicate (D-SACK)',
            'K 报告 FIN 重复（D-SACK）',
            again !== undefined,
            JSON.stringify(again?.sack ?? null),
          ),
        ];
      },
    },
  ],
  narrate: [
    {
      when: 'S>K ACK LOST',
      say: {
        en: 'The second wave is lost. An ACK has no timer: S will not send it again by itself.',
        zh: '第二次挥手丢失。ACK 没有定时器：S 不会自己重发。',
      },
    },
    {
      when: 'K>S FIN,ACK RETRANS',
      say: {
        en:
          'K asks again by sending its FIN again. S has it already: the segment is unacceptable, and is ' +
          'answered with an ACK.',
        zh: 'K 通过重发 FIN 再次询问。S 早已收到：这个报文段不可接受，于是以 ACK 回答。',
      },
    },
  ],
  explain: {
    en: `The second wave is a bare ACK, and no timer guards it. What heals the loss is the FIN, which K must
send again
as long as it is not acknowledged. To S that FIN is old: its number lies left of the window, so the very first check
(RFC 9293 §3.10.7.4) finds it unacceptable and sends an ACK; the state stays CLOSE-WAIT and the application hears of
nothing. With D-SACK the answer adds that number 1 came twice (sack 1-2).

K is in FIN-WAIT-1 until its FIN is acknowledged, and in FIN-WAIT-2 from then on: that is the second wave, not the
third, as some texts have it. But any segment can bring the acknowledgement. If S closes before the FIN comes
again, S's FIN has ack 2 too: K is through FIN-WAIT-2 and in TIME-WAIT within one segment. Had that FIN not
acknowledged K's, K would be in CLOSING.`,
    zh: `第二次挥手是一个纯 ACK，没有定时器守护。治愈丢失的是 FIN：只要没被确认，K 就必须重发。对 S 来说这个 FIN 是旧的：
序号在窗口左侧，所以第一步检查（RFC 9293 §3.10.7.4）就判定不可接受，并发送 ACK；状态仍是 CLOSE-WAIT，应用程序毫不知情。
启用 D-SACK 时，回答还会说明序号 1 来了两次（sack 1-2）。

K 在 FIN 被确认之前处于 FIN-WAIT-1，之后是 FIN-WAIT-2：这发生在第二次挥手，而不是有的教材说的第三次。
但任何报文段都能带来确认。如果 S 在 FIN 重发之前就关闭，S 的 FIN 也带着 ack 2：K 凭一个报文段穿过 FIN-WAIT-2 进入 TIME-WAIT。
假如那个 FIN 没有确认 K 的 FIN，K 就会进入 CLOSING。`,
  },
  next: ['close/third-wave-lost', 'close/simultaneous', 'close/last-ack-lost'],
  broken: {
    what: "S's ACKs of the FIN are lost for ever: the FIN comes again and again, and nothing heals.",
    act: 'comes-again',
    faults: ['drop out where ack-only && state==CLOSE-WAIT'],
  },
});
