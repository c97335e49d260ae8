/** close/last-ack-lost: the fourth wave is lost, and who must be there for it. */

import { lab } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import type { Stage } from '../../stage.ts';
import { checked, segmentsWith } from './scenes.ts';

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
  acts: [
    {
      name: 'once',
      title: { en: 'Lost once', zh: '丢失一次' },
      stack: { msl: '2s' },
      faults: ['drop out where ack-only && state==TIME-WAIT times 1'],
      auto: closeFromBothSides,
      patience: 8_000,
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
      check: (report) => checks(report, 1),
    },
    {
      name: 'twice',
      title: { en: 'Lost twice', zh: '丢失两次' },
      stack: { msl: '2s' },
      real: { stack: { msl: '1500ms' } },
      faults: ['drop out where ack-only && state==TIME-WAIT times 2'],
      auto: closeFromBothSides,
      patience: 8_000,
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1
        S>K PSH,ACK 1:n ack 1
        S>K FIN,ACK n ack 1
        K>S ACK 1 ack n+1            ; S FIN-WAIT-2
        K>S FIN,ACK 1 ack n+1        ; S TIME-WAIT   K LAST-ACK  timer S.time-wait armed
        strict S>K ACK n+1 ack 2 LOST
        strict K>S FIN,ACK 1 ack n+1 RETRANS ; timer S.time-wait restarted
        strict S>K ACK n+1 ack 2 LOST
        strict K>S FIN,ACK 1 ack n+1 RETRANS ; timer S.time-wait restarted
        strict S>K ACK n+1 ack 2     ; K CLOSED
        S CLOSED within 2900ms..4100ms
      `,
      check: (report) => checks(report, 2),
    },
    {
      name: 'mirror',
      title: {
        en: "Mirror: K closes first; the kernel's TIME-WAIT answers",
        zh: '镜像：K 先关闭；由内核的 TIME-WAIT 回答',
      },
      profile: 'strict',
      faults: ['drop in where ack-only && state==LAST-ACK times 1'],
      auto: async (stage) => {
        const nc = await stage.nc(7, { N: true });
        await stage.until('S ESTABLISHED');
        await nc.eof();
        await nc.exited();
        await stage.until('S CLOSED');
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1
        K>S FIN,ACK 1 ack 1
        S>K FIN,ACK 1 ack 2          ; S LAST-ACK    K TIME-WAIT  timer S.rto armed
        strict K>S ACK 2 ack 2 LOST
        strict S>K FIN,ACK 1 ack 2 RETRANS trigger rto within 900ms..1500ms
        strict K>S ACK 2 ack 2       ; S CLOSED
      `,
      check: ({ programs, sockets }) => [
        checked('nc had ended with code 0 long before', 'nc 早已以 0 退出', programs[0]?.exit?.code === 0),
        checked(
          'it was a TIME-WAIT without a program that answered, and it counts from the beginning',
          '回答的是没有程序的 TIME-WAIT，并且重新开始计时',
          sockets.length === 1 &&
            sockets[0]?.state === 'TIME-WAIT' &&
            (sockets[0].timer?.remainingMs ?? 0) > 58_000,
          sockets.map(({ state, timer }) => `${state} ${timer?.remainingMs ?? 0} ms`).join(),
        ),
      ],
    },
  ],
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
    act: 'once',
    stack: { timeWait: 'off' },
  },
});

/** S, the daytime server, closes first; then nc. */
async function closeFromBothSides(stage: Stage): Promise<void> {
  const nc = await stage.nc(13);
  await nc.saw('\n');
  await stage.until('S FIN-WAIT-2');
  await nc.eof();
  await nc.exited();
}

function checks({ events, programs, sockets }: ActReport, losses: number): CheckLine[] {
  const restarts = events.filter(
    ({ ev, data }) => ev === 'timer:set' && data['timer'] === 'time-wait' && data['restart'] === true,
  ).length;
  const again = segmentsWith(events, 'K', 'FIN').length - 1;
  return [
    checked(
      '2 MSL was restarted exactly as often as a FIN came again',
      '2MSL 重启的次数正好等于 FIN 再次到来的次数',
      restarts === losses && again === losses,
      `${restarts} restarts, ${again} FINs again`,
    ),
    checked('nc ended with code 0', 'nc 以 0 退出', programs[0]?.exit?.code === 0),
    checked('K has nothing left', 'K 没有残留的套接字', sockets.length === 0),
  ];
}
