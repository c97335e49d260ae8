/** reset/linger0: SO_LINGER with zero seconds, a cure for TIME-WAIT and its price. */

import { lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { checked, pathOf, segmentsWith, timerEvents } from '../close/scenes.ts';

/** More than K's small buffer and S's first window take. */
const MUCH = 100_000;

export default lab({
  id: 'reset/linger0',
  level: 2,
  minutes: 3,
  answers: ['B47', 'B48'],
  rfc: ['RFC 9293 §3.10.5', 'RFC 9293 §3.6'],
  code: ['src/tcp/calls/abort.ts', 'src/apps/abort.ts'],
  title: { en: 'SO_LINGER 0: closing by RST', zh: 'SO_LINGER 0：用 RST 关闭' },
  question: {
    en:
      'Some texts cure "too many TIME_WAIT" by SO_LINGER with zero seconds. What does it do, and what ' +
      'does it cost?',
    zh: '有的资料用零秒的 SO_LINGER 来治“TIME_WAIT 过多”。它做了什么？代价是什么？',
  },
  type: {
    any: [{ run: 'nc 10.9.0.2 2006' }, { run: 'ss -tano dst 10.9.0.2' }, { run: 'fourwave ss -a' }],
  },
  predict: {
    ask: {
      en: 'S writes 100 kB, K reads slowly, S closes with SO_LINGER 0. How much does K get?',
      zh: 'S 写了 100 kB，K 读得慢，S 用 SO_LINGER 0 关闭。K 能得到多少？',
    },
    choices: [
      { en: 'everything', zh: '全部' },
      { en: 'what had left S before', zh: '此前已离开 S 的部分' },
      { en: 'nothing', zh: '什么也没有' },
    ],
    right: 1,
    why: {
      en: 'An abort throws away what still waits to be sent, and the reset tells K that there is no more.',
      zh: '中止会丢弃仍在等待发送的数据，而 RST 告诉 K 不会再有了。',
    },
  },
  acts: [
    {
      name: 'server',
      title: { en: 'S closes by RST', zh: 'S 用 RST 关闭' },
      auto: async (stage) => {
        const nc = await stage.nc(2006);
        await stage.until('S CLOSED');
        await nc.exited();
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1                ; S ESTABLISHED
        S>K RST,ACK 1 ack 1            ; S CLOSED  K CLOSED  rst TCP_ABORT_ON_LINGER
        never S>K FIN
        never K>S FIN
      `,
      check: ({ events, sockets, connections }) => [
        checked(
          'no TIME-WAIT, on neither side',
          '双方都没有 TIME-WAIT',
          sockets.length + connections.length === 0,
          `K ${sockets.length}, S ${connections.length}`,
        ),
        checked(
          'no such timer was ever set',
          '从未设置过这样的定时器',
          timerEvents(events, 'time-wait').length === 0,
        ),
        checked(
          'S went straight to CLOSED',
          'S 直接进入 CLOSED',
          pathOf(events) === 'SYN-RECEIVED ESTABLISHED CLOSED',
          pathOf(events),
        ),
      ],
    },
    {
      name: 'kernel',
      title: { en: 'Mirror: a program of K does it', zh: '镜像：K 的程序这样做' },
      auto: async (stage) => {
        const socket = await stage.socket({ connect: 7 });
        await stage.until('S ESTABLISHED');
        await socket.abort();
        await stage.until('S CLOSED');
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1
        K>S RST,ACK 1 ack 1            ; S CLOSED  K CLOSED  closed reset-by-peer
      `,
      check: ({ events, sockets }) => [
        checked('K keeps nothing', 'K 什么也不保留', sockets.length === 0),
        checked(
          "S's program is told: ECONNRESET",
          'S 的程序得知：ECONNRESET',
          events.some(({ ev, data }) => ev === 'conn:closed' && data['error'] === 'ECONNRESET'),
        ),
      ],
    },
    {
      name: 'price',
      title: { en: 'The price: data under way is lost', zh: '代价：路上的数据丢失' },
      auto: (stage) => writeMuch(stage, 'abort'),
      check: ({ kept, events }) => [
        checked(
          'S had written more than K ever got',
          'S 写出的比 K 得到的多',
          Number(kept['got']) < MUCH,
          `${MUCH} written, ${String(kept['got'])} read by K`,
        ),
        checked(
          'K was told that something is wrong',
          'K 得知出了问题',
          kept['error'] === 'ECONNRESET' && kept['ended'] === false,
          String(kept['error']),
        ),
        checked(
          'by a RST',
          '通过 RST',
          segmentsWith(events, 'S', 'RST').length > 0 && segmentsWith(events, 'S', 'FIN').length === 0,
        ),
      ],
    },
    {
      name: 'orderly',
      title: { en: 'The same with a plain close()', zh: '同样的事，用普通的 close()' },
      stack: { msl: '500ms' },
      auto: (stage) => writeMuch(stage, 'close'),
      check: ({ kept, events }) => [
        checked(
          'K got everything, and then the end',
          'K 得到全部，然后是结束',
          kept['got'] === MUCH && kept['ended'] === true && kept['error'] === '',
          `${String(kept['got'])} bytes`,
        ),
        checked(
          'for that S kept the connection, and a TIME-WAIT after it',
          '为此 S 保留了连接，之后还有 TIME-WAIT',
          pathOf(events).includes('TIME-WAIT'),
          pathOf(events),
        ),
      ],
    },
  ],
  narrate: [
    {
      when: 'S>K RST,ACK',
      say: {
        en: 'ABORT: no FIN, no waiting, everything forgotten at once.',
        zh: 'ABORT：没有 FIN，没有等待，立即忘掉一切。',
      },
    },
  ],
  explain: {
    en: `SO_LINGER with zero seconds turns close() into the ABORT call of RFC 9293 §3.10.5: a RST goes out, everything
that still waits to be sent is thrown away, and the connection is gone, without FIN-WAIT and without TIME-WAIT.

As a cure for TIME-WAIT it takes the patient's life. The peer cannot tell it from a crash; data that it has
not acknowledged yet is lost, though write() said that it was fine; and nothing protects the next connection of the
same four-tuple from old segments. It has its uses: a server that wants to get rid of a client, a test. For the
number of
TIME-WAITs let the client close first, or keep connections open.`,
    zh: `零秒的 SO_LINGER 把 close() 变成 RFC 9293 §3.10.5 的 ABORT 调用：发出 RST，丢弃所有仍待发送的数据，连接消失，
没有 FIN-WAIT，也没有 TIME-WAIT。

把它当作治 TIME-WAIT 的药，等于要了病人的命：对方无法区分它与崩溃；尚未确认的数据丢失，尽管 write() 说过成功；
而且没有什么能保护同一四元组的下一个连接不受旧报文段干扰。它有自己的用途：服务器想摆脱某个客户端，或用于测试。
要减少 TIME-WAIT，让客户端先关闭，或保持长连接。`,
  },
  next: ['time-wait/too-many', 'reset/unread-data', 'reset/after-close'],
  broken: {
    what: 'The program closes in the ordinary way: FIN, and states that wait.',
    act: 'server',
    auto: async (stage) => {
      const nc = await stage.nc(13);
      await stage.until('S FIN-WAIT-2');
      await nc.eof();
      await nc.exited();
    },
  },
});

/** S writes much, K does not read; then S ends it, and K reads all that is there. */
async function writeMuch(stage: Stage, end: 'abort' | 'close'): Promise<void> {
  const socket = await stage.socket({ connect: 2002, paused: true, receiveBuffer: 4096 });
  await stage.until('S ESTABLISHED');
  await stage.app('c1').write(new Uint8Array(MUCH).fill(0x78));
  await stage.wait(300);
  await stage.app('c1')[end]();
  await stage.wait(100);
  await socket.resume();
  if (end === 'abort') await stage.until('S CLOSED');
  else await stage.until('S FIN-WAIT-2');
  await stage.wait(100);
  stage.keep('got', socket.bytes);
  stage.keep('error', socket.error);
  stage.keep('ended', socket.ended);
  await socket.close();
  if (end === 'close') await stage.until('S TIME-WAIT');
}
