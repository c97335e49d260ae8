/** reset/unread-data: close with bytes that nobody has read is no orderly close. */

import { lab } from '../../lab.ts';
import { checked, pathOf, segmentsWith } from '../close/scenes.ts';

export default lab({
  id: 'reset/unread-data',
  level: 2,
  minutes: 2,
  answers: ['B23'],
  rfc: ['RFC 9293 §3.6.1', 'RFC 9293 §3.10.4', 'RFC 2525 §2.17'],
  code: ['src/tcp/calls/close.ts', 'src/tcp/calls/abort.ts', 'src/apps/rude.ts'],
  title: { en: 'Closing without having read', zh: '没读完就关闭' },
  question: {
    en: 'A program closes while bytes that it has not read are waiting. What goes over the wire?',
    zh: '还有没读的字节在等着，程序就关闭了。线路上发送什么？',
  },
  type: {
    'nc.openbsd': [{ run: 'nc 10.9.0.2 2003' }, { line: 'hi' }],
    any: [{ run: 'nc 10.9.0.2 2003' }, { line: 'hi' }],
  },
  predict: {
    ask: {
      en: 'The server closes with 3 unread bytes. What does it send?',
      zh: '服务器带着 3 个未读字节关闭。它发送什么？',
    },
    choices: [
      { en: 'FIN', zh: 'FIN' },
      { en: 'RST', zh: 'RST' },
      { en: 'FIN, and the 3 bytes back', zh: 'FIN，并退回 3 个字节' },
    ],
    right: 1,
    why: {
      en:
        'The bytes were acknowledged, and yet nobody got them. A FIN would say that all is well; RST ' +
        'tells the truth.',
      zh: '这些字节已被确认，却没有人得到。FIN 会显得一切正常；RST 说出真相。',
    },
  },
  acts: [
    {
      name: 'server',
      title: { en: 'S closes with unread bytes', zh: 'S 带着未读字节关闭' },
      auto: async (stage) => {
        const nc = await stage.nc(2003);
        await stage.until('S ESTABLISHED');
        await nc.type('hi');
        await stage.until('S CLOSED');
        await nc.exited();
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1                ; S ESTABLISHED
        K>S PSH,ACK 1:n ack 1
        S>K RST,ACK 1 ack n            ; S CLOSED  K CLOSED  rst TCP_ABORT_ON_CLOSE
        never S>K FIN
      `,
      check: ({ events, sockets, connections }) => [
        checked(
          'no state of an orderly close was passed',
          '没有经过任何正常关闭的状态',
          pathOf(events) === 'SYN-RECEIVED ESTABLISHED CLOSED',
          pathOf(events),
        ),
        checked(
          'no TIME-WAIT, on neither side',
          '双方都没有 TIME-WAIT',
          sockets.length + connections.length === 0,
        ),
      ],
    },
    {
      name: 'nothing-unread',
      title: { en: 'The same program with nothing unread', zh: '同一个程序，没有未读数据' },
      auto: async (stage) => {
        const nc = await stage.nc(2003, { N: true });
        await stage.until('S ESTABLISHED');
        await nc.eof();
        await nc.exited();
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1
        K>S FIN,ACK 1 ack 1
        S>K FIN,ACK 1 ack 2
        K>S ACK 2 ack 2                ; S CLOSED  closed normal
      `,
    },
    {
      name: 'kernel',
      title: { en: 'Mirror: a program of K closes with unread bytes', zh: '镜像：K 的程序带着未读字节关闭' },
      auto: async (stage) => {
        const socket = await stage.socket({ connect: 7, paused: true });
        await stage.until('S ESTABLISHED');
        await socket.send('hi\n');
        await stage.until('S>K PSH,ACK 1:4');
        await stage.wait(100);
        await socket.close();
        await stage.until('S CLOSED');
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1
        K>S PSH,ACK 1:4 ack 1
        S>K PSH,ACK 1:4 ack 4
        K>S RST,ACK 4 ack 4            ; S CLOSED  closed reset-by-peer
        never K>S FIN
      `,
      check: ({ events }) => [
        checked(
          'the echo had been acknowledged before: an ACK is no receipt of the program',
          '回显的数据之前已被确认：ACK 并不是程序的回执',
          segmentsWith(events, 'K', 'ACK').some(({ ack, flags }) => ack === 4 && !flags.includes('RST')),
        ),
      ],
    },
  ],
  narrate: [
    {
      when: 'S>K RST,ACK',
      say: {
        en: 'Three bytes were waiting when the program called close(): RST instead of FIN.',
        zh: '程序调用 close() 时还有三个字节在等：RST 代替 FIN。',
      },
    },
  ],
  explain: {
    en: `TCP acknowledges bytes when it has them, not when the program has read them. If the program closes
without having
read them they are lost, and the peer, which has its ACK, would never know. So a TCP should send RST instead of
FIN in this case (RFC 9293 §3.6.1, SHLD-3; RFC 2525 §2.17 tells how it went without). There is no TIME-WAIT
after a reset.

This is why a server that answers an error early and closes, without reading the rest of the request, can
destroy its own answer: the RST may overtake it at the client. Such a server calls shutdown(), reads to the end, and
closes then.`,
    zh: `TCP 收到字节就确认，而不是等程序读走。如果程序没读就关闭，这些字节就丢了，而对方手里有 ACK，永远不会知道。
所以这种情况下 TCP 应发送 RST 而不是 FIN（RFC 9293 §3.6.1，SHLD-3；RFC 2525 §2.17 讲了不这样做的后果）。重置之后没有 TIME-WAIT。

因此，一个服务器若提前回答错误并关闭，却没有读完请求，就可能毁掉自己的回答：RST 可能让客户端来不及读到它。
正确的做法是先 shutdown()，读到结束，再关闭。`,
  },
  next: ['reset/linger0', 'reset/after-close', 'close/half-close'],
  broken: {
    what: 'The program has read everything before it closes: an orderly end, not a reset.',
    act: 'server',
    auto: async (stage) => {
      const nc = await stage.nc(9);
      await stage.until('S ESTABLISHED');
      await nc.type('hi');
      await stage.wait(50);
      await stage.app('c1').close();
      await nc.eof();
      await nc.exited();
    },
  },
});
