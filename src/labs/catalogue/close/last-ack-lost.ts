/** close/last-ack-lost: the fourth wave is lost, and who must be there for it. */

import { lab } from '../../lab.ts';

export default lab({
  id: 'close/last-ack-lost',
  level: 1,
  minutes: 2,
  answers: ['B37', 'B38', 'B40'],
  rfc: ['RFC 9293 §3.6', 'RFC 9293 §3.10.7.4'],
  code: ['src/tcp/input/8-fin.ts', 'src/tcp/compact/time-wait-table.ts'],
  title: { en: 'What if the last ACK is lost?', zh: '如果最后一个 ACK 丢了会怎样？' },
  question: {
    en: 'The ACK of the last FIN is lost. Who notices, who sends again, and why must the other still be there?',
    zh: '对最后一个 FIN 的 ACK 丢失了。谁会发现？谁会重发？为什么另一方必须还在？',
  },
  stack: { msl: '2s' },
  faults: ['drop out where ack-only && state==TIME-WAIT times 1'],
  type: {
    'nc.openbsd': [
      { run: 'nc 10.9.0.2 13' },
      {
        wait: { en: 'the line with the time is there', zh: '看到时间那一行' },
        until: 'S>K FIN,ACK',
      },
      { key: 'Ctrl-D' },
    ],
    ncat: [{ run: 'ncat 10.9.0.2 13' }, { key: 'Ctrl-D' }],
    any: [{ run: 'nc 10.9.0.2 13' }, { key: 'Ctrl-D' }],
  },
  auto: async (stage) => {
    const nc = await stage.nc(13);
    await nc.saw('\n');
    await stage.until('S FIN-WAIT-2');
    await nc.eof();
    await nc.exited();
  },
  predict: {
    ask: { en: 'After the loss, who sends first?', zh: '丢失之后，谁先发送？' },
    choices: [
      { en: 'K sends its FIN again', zh: 'K 重发 FIN' },
      { en: 'S sends its ACK again', zh: 'S 重发 ACK' },
      { en: 'nobody', zh: '谁也不发' },
    ],
    right: 0,
    why: {
      en: 'A pure ACK is never sent again by a timer. Only K, in LAST-ACK, has one running.',
      zh: '纯 ACK 从不由定时器重发。只有处在 LAST-ACK 的 K 有定时器在跑。',
    },
  },
  narrate: [
    {
      when: 'S>K ACK LOST',
      say: {
        en: 'The fourth wave is lost. S does not know; it sits in TIME-WAIT.',
        zh: '第四次挥手丢失了。S 并不知道，它处在 TIME-WAIT。',
      },
    },
    {
      when: 'K>S FIN,ACK RETRANS',
      say: {
        en: "K's timer fired: the same FIN again. S answers, and begins to count its 2 MSL anew.",
        zh: 'K 的定时器到期：同一个 FIN 再次到来。S 回答，并重新开始计算 2MSL。',
      },
    },
  ],
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1 ack 1
    S>K PSH,ACK 1:n ack 1
    S>K FIN,ACK n ack 1          ; S FIN-WAIT-1
    K>S ACK 1 ack n+1            ; S FIN-WAIT-2  K CLOSE-WAIT
    K>S FIN,ACK 1 ack n+1        ; S TIME-WAIT   K LAST-ACK  timer S.time-wait armed 4s
    strict S>K ACK n+1 ack 2 LOST
    strict K>S FIN,ACK 1 ack n+1 RETRANS ; timer S.time-wait restarted 4s  within 150ms..1500ms
    strict S>K ACK n+1 ack 2     ; K CLOSED
    S CLOSED within 3900ms..4100ms
    never S>K FIN,ACK RETRANS
  `,
  patience: 8_000,
  check: ({ events, programs, sockets }) => {
    const restarts = events.filter(
      ({ ev, data }) => ev === 'timer:set' && data['timer'] === 'time-wait' && data['restart'] === true,
    ).length;
    return [
      {
        text: { en: '2 MSL was restarted exactly once', zh: '2MSL 恰好重启一次' },
        ok: restarts === 1,
        detail: `${restarts} times`,
      },
      { text: { en: 'nc ended with code 0', zh: 'nc 以 0 退出' }, ok: programs[0]?.exit?.code === 0 },
      { text: { en: 'K has nothing left', zh: 'K 没有残留的套接字' }, ok: sockets.length === 0 },
    ];
  },
  explain: {
    en: `K is in LAST-ACK and has a retransmission timer; S is in TIME-WAIT and has none for what it sends, for a
pure ACK is never retransmitted by a timer. So it is K that sends its FIN again. S answers it with the same ACK
and starts 2 MSL from the beginning (RFC 9293 §3.10.7.4, eighth check): that is what TIME-WAIT is for. Without
it S would answer with a RST.`,
    zh: `K 处在 LAST-ACK，有重传定时器；S 处在 TIME-WAIT，对自己发出的东西没有定时器，因为纯 ACK 从不由定时器重传。
所以是 K 重发 FIN。S 用同样的 ACK 回答，并从头开始计算 2MSL（RFC 9293 §3.10.7.4，第八步检查）：这正是 TIME-WAIT 的用途。
没有它，S 只能回答 RST。`,
  },
  next: ['time-wait/countdown', 'time-wait/none', 'time-wait/restart'],
  broken: {
    what: 'S keeps no TIME-WAIT: the FIN that comes again meets nobody.',
    stack: { timeWait: 'off' },
  },
});
