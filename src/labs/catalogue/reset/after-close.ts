/** reset/after-close: data for a program that has closed. */

import { lab } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import { checked, pathOf, segmentsWith } from '../close/scenes.ts';

export default lab({
  id: 'reset/after-close',
  level: 2,
  minutes: 3,
  answers: ['B22', 'B23'],
  rfc: ['RFC 9293 §3.6.1', 'RFC 9293 §3.10.7.1', 'RFC 9293 §3.10.7.4'],
  code: ['src/tcp/input/7-text.ts', 'src/tcp/calls/close.ts', 'src/tcp/input/2-rst.ts'],
  title: { en: 'Writing to one who has closed', zh: '向已关闭的一方写数据' },
  question: {
    en: 'The peer has called close(), and we write. What happens to the first write, and what to the second?',
    zh: '对方已调用 close()，我们还在写。第一次写会怎样？第二次呢？',
  },
  type: {
    any: [
      {
        run:
          'python3 -c \'import socket, time; s = socket.create_connection(("10.9.0.2", 80)); ' +
          's.send(b"GET /slow HTTP/1.0\\r\\n\\r\\n"); s.close(); time.sleep(3)\'',
      },
    ],
  },
  predict: {
    ask: {
      en: 'The peer has closed both directions. How does our first write() end?',
      zh: '对方已关闭两个方向。我们的第一次 write() 结果如何？',
    },
    choices: [
      { en: 'EPIPE', zh: 'EPIPE' },
      { en: 'it succeeds', zh: '成功' },
      { en: 'ECONNRESET', zh: 'ECONNRESET' },
    ],
    right: 1,
    why: {
      en:
        'All that we have seen is a FIN, and a FIN does not say that nobody reads. The error can only ' +
        'be had from the RST that the data earns.',
      zh: '我们只看到一个 FIN，而 FIN 并没有说没人读。错误只能来自数据换来的 RST。',
    },
  },
  acts: [
    {
      name: 'kernel-closed',
      title: { en: 'K has closed, S writes', zh: 'K 已关闭，S 写' },
      services: { http: { think: 200 } },
      real: { services: { http: { think: 1000 } } },
      auto: async (stage) => {
        const socket = await stage.socket({ connect: 80 });
        await stage.until('S ESTABLISHED');
        await socket.send('GET /slow HTTP/1.0\r\n\r\n');
        await stage.until('K>S PSH,ACK');
        await socket.close();
        await stage.until('K>S FIN,ACK\nS>K ACK');
        await stage.wait(20);
        const [before] = await stage.kernelSockets();
        stage.keep('K', before?.state);
        await stage.until('S CLOSED');
        // Its program goes on to write, every 500 ms.
        await stage.wait(1200);
        stage.keep('after', (await stage.kernelSockets()).length);
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1
        K>S PSH,ACK 1:u ack 1
        K>S FIN,ACK u ack 1            ; S CLOSE-WAIT  K FIN-WAIT-1
        S>K ACK 1 ack u+1              ; K FIN-WAIT-2
        S>K PSH,ACK 1:w ack u+1
        strict K>S any u+1             ; S CLOSED  K CLOSED  closed reset-by-peer
      `,
      check: closedByKernel,
    },
    {
      name: 'stack-closed',
      title: { en: 'Mirror: S has closed, K writes', zh: '镜像：S 已关闭，K 写' },
      auto: async (stage) => {
        const socket = await stage.socket({ connect: 2002 });
        await stage.until('S ESTABLISHED');
        await stage.app('c1').close();
        await stage.until('S FIN-WAIT-2');
        await stage.wait(50);
        await socket.send('12345');
        await stage.until('S CLOSED');
        await stage.wait(100);
        await socket.send('more').catch(() => undefined);
        await stage.wait(50);
        stage.keep('error', socket.error);
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1
        S>K FIN,ACK 1 ack 1            ; S FIN-WAIT-1
        K>S ACK 1 ack 2                ; S FIN-WAIT-2
        K>S PSH,ACK 1:6 ack 2          ; S CLOSED  closed reset-sent
        strict S>K any 2               ; K CLOSED  rst TCP_ABORT_ON_DATA
      `,
      check: ({ events, kept, sockets, connections }) => [
        checked(
          "K's program got EPIPE for the second",
          'K 的程序在第二次写时得到 EPIPE',
          /^(EPIPE|ECONNRESET)$/.test(String(kept['error'])),
          String(kept['error']),
        ),
        checked(
          'nothing is left, no TIME-WAIT either',
          '没有残留，也没有 TIME-WAIT',
          sockets.length + connections.length === 0,
        ),
        checked(
          'S never acknowledged the bytes',
          'S 从未确认这些字节',
          segmentsWith(events, 'S', 'ACK').every(({ ack }) => ack === null || ack <= 1),
          pathOf(events),
        ),
      ],
    },
    {
      name: 'shutdown-instead',
      title: { en: 'After shutdown() the same bytes are welcome', zh: '若是 shutdown()，同样的字节受欢迎' },
      auto: async (stage) => {
        const socket = await stage.socket({ connect: 2002 });
        await stage.until('S ESTABLISHED');
        await socket.shutdown();
        await stage.until('S CLOSE-WAIT');
        await stage.app('c1').write('12345');
        await stage.app('c1').close();
        await stage.until('S CLOSED');
        await stage.wait(50);
        stage.keep('received', socket.received);
        await socket.close();
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1
        K>S FIN,ACK 1 ack 1            ; S CLOSE-WAIT
        S>K PSH,ACK 1:6 ack 2
        S>K FIN,ACK 6 ack 2
        K>S ACK 2 ack 7                ; S CLOSED
        closed normal
        never K>S RST
      `,
      check: ({ kept }) => [
        checked('K got them', 'K 收到了', kept['received'] === '12345', JSON.stringify(kept['received'])),
      ],
    },
  ],
  narrate: [
    {
      when: 'K>S RST',
      say: {
        en: 'Nobody reads there any more. RST: and now S knows, too late for the bytes that it has sent.',
        zh: '那边已经没人读了。RST：现在 S 才知道，但已发出的字节来不及了。',
      },
    },
  ],
  explain: {
    en: `close() and shutdown(SHUT_WR) look alike on the wire: one FIN. Only data shows the difference. A TCP
whose user
has closed both directions must not pretend to deliver: it answers with RST (RFC 9293 §3.6.1, §3.10.7.1),
numbered as the
acknowledgement field of the data asks for, so that it is acceptable without doubt.

Therefore the first write() after the peer's close() succeeds, which only means that the bytes were put into a
buffer. The
RST comes a round trip later, and the next call has the error: EPIPE (with SIGPIPE) when the peer's FIN had been seen
before, ECONNRESET otherwise. A program that counts on the first error loses the first write.`,
    zh: `close() 与 shutdown(SHUT_WR) 在线路上看起来一样：一个 FIN。只有数据能显出差别。用户已关闭两个方向的 TCP 不能假装交付：
它回答 RST（RFC 9293 §3.6.1、§3.10.7.1），序号按来报文的确认号填写，因此必定可被接受。

所以对方 close() 之后，第一次 write() 会成功，那只说明字节放进了缓冲区。一个往返之后 RST 到来，下一次调用才得到错误：
之前见过对方 FIN 时是 EPIPE（并伴随 SIGPIPE），否则是 ECONNRESET。指望第一次就报错的程序，会丢掉第一次写的数据。`,
  },
  next: ['close/half-close', 'reset/unread-data', 'half-open/send-discovers'],
  broken: {
    what: 'K has only shut down its sending side: it still reads, and there is nothing to reset.',
    act: 'kernel-closed',
    auto: async (stage) => {
      const socket = await stage.socket({ connect: 80 });
      await stage.until('S ESTABLISHED');
      await socket.send('GET /slow HTTP/1.0\r\n\r\n');
      await socket.shutdown();
      await stage.until('S CLOSED');
    },
  },
});

function closedByKernel({ events, kept, mode }: ActReport): CheckLine[] {
  const writes = events.filter(({ ev }) => ev === 'app:write');
  const closed = events.find(({ ev }) => ev === 'conn:closed');
  const [rst] = segmentsWith(events, 'K', 'RST');
  const asked = segmentsWith(events, 'S', 'PSH')[0]?.ack ?? null;
  return [
    checked(
      'K was in FIN-WAIT-2 and looked the same as after shutdown()',
      'K 处于 FIN-WAIT-2，与 shutdown() 之后看不出区别',
      kept['K'] === 'FIN-WAIT-2',
      String(kept['K']),
    ),
    checked('the first write was taken', '第一次写被接受', Number(writes[0]?.data['bytes']) > 0),
    checked(
      'the next was not: EPIPE',
      '下一次没有：EPIPE',
      closed?.data['error'] === 'EPIPE' && writes.every(({ n }) => n < closed.n),
      String(closed?.data['error']),
    ),
    checked(
      "the RST has the number that S's ack asked for",
      'RST 的序号正是 S 的确认号所要的',
      // Linux's has no ACK; our stack, which stands in for it, says what it had received.
      rst !== undefined && rst.seq === asked && (mode === 'sim' || rst.ack === null),
      `RST ${rst?.seq ?? 'none'}`,
    ),
    checked(
      'it ended both ends at once, without TIME-WAIT',
      '它立即结束了两端，没有 TIME-WAIT',
      kept['after'] === 0,
    ),
  ];
}
