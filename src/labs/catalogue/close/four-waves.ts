/** close/four-waves: a connection is two directions, and each is closed by itself. */

import { lab } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import { checked, pathOf, segmentsWith } from './scenes.ts';

export default lab({
  id: 'close/four-waves',
  level: 1,
  minutes: 3,
  answers: ['B12', 'B13', 'B15', 'B16', 'B18', 'B19', 'B21', 'B22', 'B24', 'B25', 'B27', 'B29', 'B58'],
  rfc: ['RFC 9293 §3.6', 'RFC 9293 §3.10.7.4'],
  code: ['src/tcp/input/8-fin.ts', 'src/tcp/input/5-ack.ts', 'src/apps/late.ts'],
  title: { en: 'Four waves close a connection', zh: '四次挥手关闭连接' },
  question: {
    en:
      'Opening takes three segments. Why does closing take four, and what can happen between the second ' +
      'and the third?',
    zh: '建立连接只要三个报文段，为什么关闭要四个？第二次和第三次挥手之间可以发生什么？',
  },
  services: { late: { think: 1000 } },
  real: { services: { late: { think: 600 } } },
  type: {
    'nc.openbsd': [
      { run: 'nc -N 10.9.0.2 2001' },
      { line: 'hi' },
      { wait: { en: 'a moment', zh: '稍等片刻' }, ms: 300 },
      { key: 'Ctrl-D' },
      { run: 'ss -tano dst 10.9.0.2', terminal: 2 },
    ],
    ncat: [{ run: 'ncat 10.9.0.2 2001' }, { line: 'hi' }, { key: 'Ctrl-D' }],
    busybox: [{ run: 'busybox nc 10.9.0.2 2001' }, { line: 'hi' }, { key: 'Ctrl-D' }],
    socat: [{ run: 'socat -t 5 - TCP:10.9.0.2:2001' }, { line: 'hi' }, { key: 'Ctrl-D' }],
    any: [{ run: 'nc -N 10.9.0.2 2001' }, { line: 'hi' }, { key: 'Ctrl-D' }],
  },
  auto: async (stage) => {
    const nc = await stage.nc(2001, { N: true });
    await stage.until('S ESTABLISHED');
    await nc.type('hi');
    await stage.until('K>S PSH,ACK 1:4 ack 1');
    await stage.wait(100);
    await nc.eof();
    await stage.until('S>K ACK 1 ack 5');
    const [ours] = await stage.connections().then((all) => all.filter(({ id }) => id === 'c1'));
    stage.keep('between', `S ${ours?.state ?? 'none'}`);
    await nc.saw('Now I close too.');
    await nc.exited();
  },
  predict: {
    ask: {
      en: 'K has sent its FIN and S has acknowledged it. What may still be sent?',
      zh: 'K 已发送 FIN，S 已确认。之后还可以发送什么？',
    },
    choices: [
      { en: 'nothing: the connection is closed', zh: '什么也不行：连接已关闭' },
      { en: "S's data, and K's ACKs of it", zh: 'S 的数据，以及 K 对它的 ACK' },
      { en: 'data in both directions until the second FIN', zh: '在第二个 FIN 之前双方都可以发数据' },
    ],
    right: 1,
    why: {
      en: 'A FIN closes one direction. K has nothing more to send, but it still receives.',
      zh: 'FIN 只关闭一个方向。K 不再发送数据，但仍然接收。',
    },
  },
  narrate: [
    {
      when: 'K>S FIN,ACK',
      say: {
        en:
          "First wave: K's FIN, numbered u, one past its last byte. S goes to CLOSE-WAIT and its " +
          'application reads the end of the stream.',
        zh: '第一次挥手：K 的 FIN，序号 u，即最后一个字节之后。S 进入 CLOSE-WAIT，它的应用程序读到流的结束。',
      },
    },
    {
      when: 'K>S FIN,ACK\nS>K ACK',
      say: {
        en: 'Second wave: S acknowledges with u + 1, and nobody has asked the application. K goes to FIN-WAIT-2.',
        zh: '第二次挥手：S 用 u + 1 确认，没有询问应用程序。K 进入 FIN-WAIT-2。',
      },
    },
    {
      when: 'S>K FIN,ACK',
      say: {
        en:
          "Third wave: only now S's application has closed. The ack number u + 1 is repeated, the " +
          'sequence number has moved on by what S has sent meanwhile.',
        zh: '第三次挥手：直到现在 S 的应用程序才关闭。确认号仍是 u + 1，而序号已随期间发送的数据前进。',
      },
    },
    {
      when: 'S CLOSED',
      say: {
        en: 'Fourth wave: K has acknowledged, and S is gone. K stays in TIME-WAIT.',
        zh: '第四次挥手：K 已确认，S 消失。K 停留在 TIME-WAIT。',
      },
    },
  ],
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1 ack 1
    K>S PSH,ACK 1:u ack 1
    K>S FIN,ACK u ack 1          ; S CLOSE-WAIT  K FIN-WAIT-1
    S>K ACK 1 ack u+1            ; K FIN-WAIT-2  within 0ms..100ms
    strict S>K PSH,ACK 1:w ack u+1
    S>K FIN,ACK w ack u+1        ; S LAST-ACK    K TIME-WAIT
    K>S ACK u+1 ack w+1          ; S CLOSED
    closed normal
    never K>S RST
    never S>K RST
  `,
  check: checks,
  explain: {
    en: `A connection is two streams, one each way, and a FIN ends one of them: "I have no more data to send", not
"I am gone". The other side acknowledges it at once, for that is the kernel's work; when it will end its own
stream is for its application to say, and until then it may send as much as it likes. That is why the second and
the third wave are two segments, and it is the whole difference to opening, where nothing is ever pending
between the SYN that arrives and the SYN that answers it.

u is one past the last byte that K sent. The FIN takes that number for itself, so its acknowledgement is u + 1
(some texts say "initial sequence number + 1": true only where no byte was sent). The third wave repeats
ack = u + 1; its own number w is v plus what S has sent in CLOSE-WAIT. And it is S, not the client, that says
with it that it will send no more. Both FINs carry ACK, as everything after the first SYN does.`,
    zh: `一个连接是两条方向相反的流，FIN 只结束其中一条：意思是“我没有数据要发了”，而不是“我走了”。
对方内核立即确认；至于何时结束自己的流，由对方的应用程序决定，在此之前它想发多少都可以。
所以第二次和第三次挥手是两个报文段。这正是与建立连接的区别：收到 SYN 与回答 SYN 之间从来没有待发的数据。

u 是 K 发送的最后一个字节之后的序号。FIN 自己占用这个号，所以对它的确认是 u + 1（有的教材写“初始序号 + 1”，
只有在没发过数据时才对）。第三次挥手重复 ack = u + 1；它自己的序号 w 等于 v 加上 S 在 CLOSE-WAIT 期间发送的字节数。
而且此时说“我不再发送”的是 S，不是客户端。两个 FIN 都带 ACK，第一个 SYN 之后的所有报文段都是如此。`,
  },
  next: ['close/three-waves', 'close/half-close', 'close/fin-consumes-seq'],
  broken: {
    what: "S's application closes the moment it reads the end: the second and the third wave become one.",
    services: { late: { think: 0 } },
  },
});

function checks({ events, bound, kept, programs, sockets }: ActReport): CheckLine[] {
  const { u = 0, w = 0 } = bound;
  const fins = [...segmentsWith(events, 'K', 'FIN'), ...segmentsWith(events, 'S', 'FIN')];
  const written = events
    .filter(({ ev }) => ev === 'app:write')
    .reduce((sum, { data }) => sum + Number(data['bytes']), 0);
  const printed = programs[0]?.bytes ?? 0;
  return [
    checked('two FINs, one each way', '两个 FIN，每个方向一个', fins.length === 2, fins.length),
    checked(
      'between the second and the third wave S sent data, and nc printed all of it',
      '第二次与第三次挥手之间 S 发送了数据，nc 全部打印出来',
      written > 0 && printed === written,
      `${written} bytes written, ${printed} printed`,
    ),
    checked(
      'w − v is what S has sent in CLOSE-WAIT',
      'w − v 正是 S 在 CLOSE-WAIT 期间发送的字节数',
      w - 1 === written,
      `v = 1, w = ${w}`,
    ),
    checked(
      'u is one past the last byte of K',
      'u 是 K 最后一个字节之后的序号',
      u > 0 && fins[0]?.seq === u,
      `u = ${u}`,
    ),
    checked(
      'after the second wave S was in CLOSE-WAIT',
      '第二次挥手之后 S 处于 CLOSE-WAIT',
      kept['between'] === undefined || kept['between'] === 'S CLOSE-WAIT',
      String(kept['between']),
    ),
    checked(
      'S took the passive path of Figure 12',
      'S 走的是图 12 的被动路径',
      pathOf(events) === 'SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED',
      pathOf(events),
    ),
    checked(
      'K, which closed first, is in TIME-WAIT',
      '先关闭的 K 处于 TIME-WAIT',
      sockets.length === 1 && sockets[0]?.state === 'TIME-WAIT',
      sockets.map(({ state, timer }) => `${state} ${String(timer?.name)}`).join(),
    ),
  ];
}
