/** close/peer-vanishes: the peer is gone in the middle of the close; every state has its own end. */

import { lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { checked, gapsOf, segmentsWith, timerEvents } from './scenes.ts';

export default lab({
  id: 'close/peer-vanishes',
  level: 2,
  minutes: 5,
  answers: ['B35', 'B41'],
  rfc: ['RFC 9293 §3.6', 'RFC 9293 §3.8.3', 'RFC 6298 §5'],
  code: ['src/tcp/lifecycle.ts', 'src/tcp/timers/expire.ts', 'src/tcp/recovery/timeout.ts'],
  title: { en: 'The peer vanishes during the close', zh: '关闭过程中对方消失' },
  question: {
    en: 'The cable is cut in the middle of the close. How does each state end: TIME-WAIT, LAST-ACK, FIN-WAIT-2?',
    zh: '关闭到一半，网线断了。TIME-WAIT、LAST-ACK、FIN-WAIT-2 各自如何结束？',
  },
  type: {
    'nc.openbsd': [{ run: 'nc 10.9.0.2 13' }, { key: 'Ctrl-D' }, { run: 'fourwave watch', terminal: 2 }],
    ncat: [{ run: 'ncat 10.9.0.2 13' }, { key: 'Ctrl-D' }],
    any: [{ run: 'nc 10.9.0.2 13' }, { key: 'Ctrl-D' }],
  },
  predict: {
    ask: {
      en: 'Which of the three has no end of its own in the RFC?',
      zh: '三者之中，哪一个在 RFC 里没有自己的终点？',
    },
    choices: [
      { en: 'TIME-WAIT', zh: 'TIME-WAIT' },
      { en: 'LAST-ACK', zh: 'LAST-ACK' },
      { en: 'FIN-WAIT-2', zh: 'FIN-WAIT-2' },
    ],
    right: 2,
    why: {
      en:
        'TIME-WAIT has 2 MSL, LAST-ACK gives up after its retransmissions. FIN-WAIT-2 waits; its timer ' +
        'is an invention of implementations.',
      zh: 'TIME-WAIT 有 2MSL，LAST-ACK 重传若干次后放弃。FIN-WAIT-2 只是等待；它的定时器是各实现自己的发明。',
    },
  },
  acts: [
    {
      name: 'time-wait',
      title: { en: 'S in TIME-WAIT: it simply ends', zh: 'S 处于 TIME-WAIT：到时就结束' },
      stack: { msl: '2s' },
      real: { stack: { msl: '1s' } },
      // After its FIN nothing comes from K any more, and nothing gets there.
      faults: ['drop out where state==TIME-WAIT', 'drop in where fin && retrans'],
      auto: async (stage) => {
        const nc = await stage.nc(13);
        await stage.until('S FIN-WAIT-2');
        await nc.eof();
        const { t } = await stage.until('S TIME-WAIT');
        const end = await stage.until('S CLOSED');
        const msl = stage.mode === 'sim' ? 2000 : 1000;
        const lasted = (end.t - t) * 1000;
        stage.check(
          {
            en: 'TIME-WAIT ended after 2 MSL, as if nothing had happened',
            zh: 'TIME-WAIT 在 2MSL 后结束，若无其事',
          },
          Math.abs(lasted - 2 * msl) < 250,
          `${lasted.toFixed(0)} ms`,
        );
      },
      expect: `
        ...
        S>K FIN,ACK n ack 1
        K>S FIN,ACK 1 ack n+1          ; S TIME-WAIT
        S>K ACK n+1 ack 2 LOST         # the last thing that S sends
        ...
        S CLOSED
        ...
      `,
      check: ({ events }) => {
        const entered =
          events.find(({ ev, data }) => ev === 'conn:state' && data['new'] === 'TIME-WAIT')?.n ?? 0;
        const left = events.find(({ ev }) => ev === 'conn:closed')?.n ?? 0;
        const heard = events.filter(({ ev, n }) => ev === 'seg:received' && n > entered && n < left);
        return [
          checked(
            'S heard nothing more, and needed to hear nothing',
            'S 再没有收到什么，也不需要',
            heard.length === 0,
            heard.length,
          ),
          checked(
            'it ended by its timer',
            '它因定时器而结束',
            events.some(({ ev, data }) => ev === 'conn:closed' && data['reason'] === 'timewait-done'),
          ),
        ];
      },
    },
    {
      name: 'last-ack',
      title: {
        en: 'S in LAST-ACK: again, again, and then given up',
        zh: 'S 处于 LAST-ACK：一次又一次，然后放弃',
      },
      profile: 'strict',
      services: { echo: { think: 500 } },
      real: { stack: { 'rto.min': '300ms', 'retries.orphan': '3' } },
      auto: async (stage) => {
        const nc = await stage.nc(7, { N: true });
        await stage.until('S ESTABLISHED');
        await nc.eof();
        await stage.until('S CLOSE-WAIT');
        await stage.until('S>K ACK 1 ack 2');
        await stage.cutCable();
        await stage.until('S CLOSED', { timeout: stage.mode === 'sim' ? 1_200_000 : 15_000 });
        await nc.kill();
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1
        K>S FIN,ACK 1 ack 1            ; S CLOSE-WAIT
        S>K ACK 1 ack 2                ; K FIN-WAIT-2
        S>K FIN,ACK 1 ack 2 LOST       ; S LAST-ACK
        S>K FIN,ACK 1 ack 2 LOST RETRANS trigger rto
        S>K FIN,ACK 1 ack 2 LOST RETRANS trigger rto
        S>K FIN,ACK 1 ack 2 LOST RETRANS trigger rto
        ...
        closed timeout-r2
        ...
      `,
      check: ({ events, mode }) => {
        const fins = segmentsWith(events, 'S', 'FIN');
        const gaps = gapsOf(fins);
        const doubled = gaps
          .slice(1)
          .every(
            (gap, index) =>
              gap / (gaps[index] as number) < 2.4 && (gap > 119_000 || gap / (gaps[index] as number) > 1.6),
          );
        const retries = mode === 'sim' ? 8 : 3;
        return [
          checked(
            `R2: ${retries} times again, and no more`,
            `R2：重发 ${retries} 次，不再更多`,
            fins.length === retries + 1,
            `${fins.length} FINs`,
          ),
          checked(
            'each wait was twice the one before, up to two minutes',
            '每次等待是前一次的两倍，至多两分钟',
            doubled,
            `${gaps.map((gap) => (gap / 1000).toFixed(1)).join(', ')} s`,
          ),
        ];
      },
    },
    {
      name: 'fin-wait-2',
      title: {
        en: 'S in FIN-WAIT-2 and its program gone: a timer that no RFC knows',
        zh: 'S 处于 FIN-WAIT-2 且程序已离开：RFC 没有的定时器',
      },
      stack: { finWait2: '60s' },
      real: { stack: { finWait2: '1s' } },
      auto: vanishInFinWait2,
      expect: `
        ...
        S>K FIN,ACK n ack 1
        K>S ACK 1 ack n+1              ; S FIN-WAIT-2
        timer S.fin-wait-2 armed
        timer S.fin-wait-2 fired
        closed fin-wait-2-timeout
        ...
      `,
      check: ({ events, mode }) => {
        const [set, fire] = timerEvents(events, 'fin-wait-2');
        const lasted = ((fire?.t ?? 0) - (set?.t ?? 0)) * 1000;
        const wanted = mode === 'sim' ? 60_000 : 1000;
        return [
          checked(
            'it lasted finWait2: 60 s, as on Linux',
            '持续 finWait2：60 秒，与 Linux 相同',
            Math.abs(lasted - wanted) < 250,
            `${(lasted / 1000).toFixed(1)} s`,
          ),
          checked(
            'the timer began with close(), not with the state',
            '定时器从 close() 开始，而不是从进入状态开始',
            (set?.n ?? 0) > (events.find(({ ev }) => ev === 'app:close')?.n ?? Infinity),
          ),
        ];
      },
    },
    {
      name: 'fin-wait-2-strict',
      title: {
        en: 'The same in the strict profile: it waits for ever',
        zh: '同样的事在 strict 配置下：永远等待',
      },
      profile: 'strict',
      auto: async (stage) => {
        await vanishInFinWait2(stage);
      },
      check: ({ kept, connections, events }) => [
        checked('no timer was set', '没有设置定时器', timerEvents(events, 'fin-wait-2').length === 0),
        checked(
          'S was still in FIN-WAIT-2 at the end',
          '到最后 S 仍处于 FIN-WAIT-2',
          connections.some(({ state, timers }) => state === 'FIN-WAIT-2' && timers.length === 0),
          `after ${String(kept['waited'])} s`,
        ),
      ],
    },
    {
      name: 'kernel',
      title: {
        en: "The kernel's own FIN-WAIT-2: tcp_fin_timeout",
        zh: '内核自己的 FIN-WAIT-2：tcp_fin_timeout',
      },
      kernel: { tcp_fin_timeout: 1 },
      auto: async (stage) => {
        const socket = await stage.socket({ connect: 2002 });
        await stage.until('S ESTABLISHED');
        await socket.close();
        await stage.until('S CLOSE-WAIT');
        await stage.wait(200);
        stage.keep('K', (await stage.kernelSockets()).map(({ state }) => state).join());
        await stage.wait(4000);
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S FIN,ACK 1 ack 1            ; S CLOSE-WAIT
        S>K ACK 1 ack 2                ; K FIN-WAIT-2
      `,
      check: ({ kept, sockets, connections }) => [
        checked('K was in FIN-WAIT-2', 'K 曾处于 FIN-WAIT-2', kept['K'] === 'FIN-WAIT-2', String(kept['K'])),
        checked('K has forgotten the connection by itself', 'K 自行忘记了连接', sockets.length === 0),
        checked(
          'S knows nothing of that: CLOSE-WAIT',
          'S 对此一无所知：CLOSE-WAIT',
          connections.some(({ state }) => state === 'CLOSE-WAIT'),
        ),
      ],
    },
  ],
  narrate: [
    {
      when: 'timer S.fin-wait-2 armed',
      say: {
        en: 'No program holds the socket any more: FIN-WAIT-2 gets a timer. The RFC has none; it is a policy.',
        zh: '不再有程序持有套接字：FIN-WAIT-2 得到一个定时器。RFC 里没有，这是一种策略。',
      },
    },
  ],
  explain: {
    en: `TIME-WAIT expects nothing and sends nothing of itself: when nothing arrives for 2 MSL it is over,
whether the peer
is there or not (RFC 9293 §3.6). LAST-ACK has a FIN that is not acknowledged: it is sent again at 1, 2, 4, 8 …
seconds until
R2 is reached, and the connection is given up (§3.8.3). Its program has long gone, so nobody is told.

FIN-WAIT-2 has nothing to send and nothing to wait for but the peer's FIN. By the letter it may last for ever.
Linux and our
default profile end it 60 s after no program holds the socket any more ("finWait2", tcp_fin_timeout there;
ss shows it as "timewait", which it is not); the strict profile keeps to the letter. As long as a program still
reads from the half-closed connection, nobody sets such a timer: that would cut off a slow answer. The price of
the timer is seen in the last act: the other end is left in CLOSE-WAIT with a peer that knows nothing.`,
    zh: `TIME-WAIT 不期待什么，自己也不发送什么：2MSL 内什么也没来就结束，不管对方在不在（RFC 9293 §3.6）。
LAST-ACK 有一个未被确认的 FIN：在 1、2、4、8……秒后重发，直到 R2，然后放弃连接（§3.8.3）。它的程序早已离开，所以没有谁得知。

FIN-WAIT-2 没有要发的东西，只等对方的 FIN。按字面它可以永远持续。Linux 和我们的默认配置在没有程序持有套接字 60 秒后结束它
（“finWait2”，Linux 上是 tcp_fin_timeout；ss 把它显示为 “timewait”，其实不是）；strict 配置忠于字面。
只要还有程序在读这个半关闭的连接，就不会设这种定时器，否则会掐断慢慢到来的回答。
这个定时器的代价见最后一幕：另一端停在 CLOSE-WAIT，而对方早已一无所知。`,
  },
  next: ['close/orphan-retries', 'close/close-wait-leak', 'half-open/cable-cut'],
  broken: {
    what: 'FIN-WAIT-2 has no timer even when nobody reads any more.',
    act: 'fin-wait-2',
    stack: { finWait2: 'off' },
  },
});

/** Half closed, then the cable is cut, then S's program leaves. */
async function vanishInFinWait2(stage: Stage): Promise<void> {
  const nc = await stage.nc(13);
  await stage.until('S FIN-WAIT-2');
  await stage.cutCable();
  await stage.wait(500);
  await stage.app('c1').close();
  const patience = stage.mode === 'sim' ? 100_000 : 2500;
  await stage.wait(patience);
  stage.keep('waited', patience / 1000);
  await nc.kill();
}
