/** close/half-close: after its FIN a program still gets its answer; after close() it does not. */

import { lab } from '../../lab.ts';
import type { ActReport } from '../../result.ts';
import type { Stage } from '../../stage.ts';
import { checked, pathOf, segmentsWith } from './scenes.ts';

const REQUEST = 'GET / HTTP/1.0\r\n\r\n';

export default lab({
  id: 'close/half-close',
  level: 2,
  minutes: 4,
  answers: ['B22', 'B23', 'B24'],
  rfc: ['RFC 9293 §3.6', 'RFC 9293 §3.6.1', 'RFC 9293 §3.10.7.4'],
  code: ['src/tcp/input/8-fin.ts', 'src/tcp/calls/close.ts'],
  title: { en: 'Half closed: nothing more to say, still listening', zh: '半关闭：话说完了，耳朵还在' },
  question: {
    en: 'A client sends its request and a FIN. Does the answer still reach it? Does it after close()?',
    zh: '客户端发完请求就发送 FIN。回答还能到达吗？如果调用的是 close() 呢？',
  },
  type: {
    'nc.openbsd': [{ run: "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -N 10.9.0.2 80" }],
    ncat: [{ run: "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | ncat 10.9.0.2 80" }],
    any: [{ run: "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -N 10.9.0.2 80" }],
  },
  predict: {
    ask: {
      en: 'The request is followed by close() instead of shutdown(). What does the kernel say to the answer?',
      zh: '发完请求后调用的是 close() 而不是 shutdown()。内核如何对待到来的回答？',
    },
    choices: [
      { en: 'it acknowledges it and throws it away', zh: '确认，然后丢弃' },
      { en: 'RST', zh: 'RST' },
      { en: 'nothing', zh: '什么也不说' },
    ],
    right: 1,
    why: {
      en:
        'close() says that nobody will read any more. On the wire it begins with the same FIN as ' +
        'shutdown() does; the difference shows with the first byte that comes.',
      zh: 'close() 表示不再有人读取。它在线路上发出的 FIN 与 shutdown() 完全一样，差别要等第一个字节到来时才显现。',
    },
  },
  acts: [
    {
      name: 'shutdown',
      title: { en: 'nc -N: shutdown(SHUT_WR)', zh: 'nc -N：shutdown(SHUT_WR)' },
      services: { http: { think: 200 } },
      auto: async (stage) => {
        const nc = await stage.nc(80, { N: true, input: REQUEST });
        await nc.exited();
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S PSH,ACK 1:u ack 1
        K>S FIN,ACK u ack 1          ; S CLOSE-WAIT  K FIN-WAIT-1
        S>K ACK 1 ack u+1            ; K FIN-WAIT-2
        strict S>K PSH,ACK 1:w ack u+1
        S>K FIN,ACK w ack u+1        ; S LAST-ACK    K TIME-WAIT
        K>S ACK u+1 ack w+1          ; S CLOSED
        closed normal
        never K>S RST
      `,
      check: (report) => [
        answered(report),
        checked(
          'all of it came after the FIN',
          '全部内容都在 FIN 之后到达',
          firstData(report) > (segmentsWith(report.events, 'K', 'FIN')[0]?.n ?? Infinity),
        ),
      ],
    },
    {
      name: 'no-fin',
      title: { en: 'nc without -N: no FIN of its own', zh: '没有 -N 的 nc：自己不发 FIN' },
      stack: { msl: '1s' },
      services: { http: { think: 200 } },
      auto: async (stage) => {
        const nc = await stage.nc(80, { input: REQUEST });
        await nc.exited();
        await stage.until('S TIME-WAIT');
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S PSH,ACK 1:u ack 1
        S>K PSH,ACK 1:w ack u        ; S FIN-WAIT-1
        S>K FIN,ACK w ack u
        K>S FIN,ACK u ack w+1        ; S TIME-WAIT
        S>K ACK w+1 ack u+1
        S CLOSED within 1900ms..2100ms
      `,
      check: (report) => [
        answered(report),
        checked(
          'it was the server that closed first',
          '先关闭的是服务器',
          pathOf(report.events).includes('ESTABLISHED FIN-WAIT-1'),
          pathOf(report.events),
        ),
      ],
    },
    {
      name: 'close',
      title: { en: 'close() instead: nobody reads any more', zh: '换成 close()：没有人再读了' },
      services: { http: { think: 200 } },
      real: { services: { http: { think: 1000 } } },
      auto: closeInstead,
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S PSH,ACK 1:u ack 1
        K>S FIN,ACK u ack 1          ; S CLOSE-WAIT  K FIN-WAIT-1
        S>K ACK 1 ack u+1            ; K FIN-WAIT-2
        strict S>K PSH,ACK 1:w ack u+1
        K>S any u+1                  ; S CLOSED  K CLOSED  closed reset-by-peer
        never S>K FIN
      `,
      check: ({ events, kept }) => {
        const [rst] = segmentsWith(events, 'K', 'RST');
        const asked = segmentsWith(events, 'S', 'PSH')[0]?.ack ?? null;
        const closed = events.find(({ ev }) => ev === 'conn:closed');
        return [
          checked(
            "the RST has S's own ack field as its number",
            'RST 的序号正是 S 的确认号',
            rst !== undefined && rst.seq === asked,
            `RST ${rst?.seq ?? 'none'}, ack was ${asked ?? 'none'}`,
          ),
          checked(
            "S's application is told: its write fails",
            'S 的应用程序得知了：写操作失败',
            /^(ECONNRESET|EPIPE)$/.test(String(closed?.data['error'])),
            String(closed?.data['error']),
          ),
          checked(
            'K was in FIN-WAIT-2 with nobody behind it',
            'K 处于 FIN-WAIT-2，背后已没有程序',
            kept['K'] === 'FIN-WAIT-2',
            String(kept['K']),
          ),
        ];
      },
    },
  ],
  narrate: [
    {
      when: 'K>S FIN,ACK\nS>K PSH,ACK',
      say: {
        en: 'The answer, after the FIN: the direction from S to K is still open.',
        zh: 'FIN 之后的回答：从 S 到 K 的方向仍然开着。',
      },
    },
    {
      when: 'K>S RST',
      say: {
        en:
          "The first byte of the answer meets a socket that nobody holds: RST. S's program will see " +
          'EPIPE or ECONNRESET.',
        zh: '回答的第一个字节遇到一个没有人持有的套接字：RST。S 的程序将看到 EPIPE 或 ECONNRESET。',
      },
    },
  ],
  explain: {
    en: `shutdown(fd, SHUT_WR) closes one direction: a FIN goes out, and the program goes on reading. That is a
half-closed connection; K sits in FIN-WAIT-2 and S in CLOSE-WAIT for as long as S has something to send
(RFC 9293 §3.6). Do not mix it with half-open, where one end has forgotten the connection.

close(fd) sends the same FIN, so nothing can be told apart yet. But it gives the reading up too: when data comes
afterwards there is nobody to give it to, and the kernel must not pretend that it was delivered. It answers with
RST, its number taken from the acknowledgement field of what came (RFC 9293 §3.6.1 says so of a TCP
whose user has called CLOSE for both directions). The peer's program learns of it by ECONNRESET, or EPIPE
when it writes once more. And nc without -N does neither: at the end of its input it sends nothing at all, and waits
for the server to close.`,
    zh: `shutdown(fd, SHUT_WR) 只关闭一个方向：FIN 发出去，程序继续读。这就是半关闭：只要 S 还有东西要发，
K 就停在 FIN-WAIT-2，S 停在 CLOSE-WAIT（RFC 9293 §3.6）。不要与“半开”（half-open，一端已忘记连接）混淆。

close(fd) 发出同样的 FIN，所以此时还看不出差别。但它同时放弃了读取：之后到来的数据没有人可以交付，
内核不能假装已经交付，于是回答 RST，序号取自来报文的确认号（RFC 9293 §3.6.1）。对方程序得到 ECONNRESET，
再写一次则是 EPIPE。而没有 -N 的 nc 两者都不做：输入结束时什么也不发送，只等服务器关闭。`,
  },
  next: ['reset/after-close', 'close/close-wait-leak', 'close/three-waves'],
  broken: {
    what: "K's program calls close() where it should call shutdown(): the answer that was under way is lost.",
    act: 'shutdown',
    auto: closeInstead,
  },
});

async function closeInstead(stage: Stage): Promise<void> {
  const socket = await stage.socket({ connect: 80 });
  await stage.until('S ESTABLISHED');
  await socket.send('GET /slow HTTP/1.0\r\n\r\n');
  await stage.until('K>S PSH,ACK');
  await socket.close();
  await stage.until('K>S FIN,ACK\nS>K ACK');
  await stage.wait(20);
  stage.keep('K', (await stage.kernelSockets()).map(({ state }) => state).join());
  await stage.until('S CLOSED');
}

const firstData = ({ events }: ActReport): number => segmentsWith(events, 'S', 'PSH')[0]?.n ?? 0;

function answered({ events, programs }: ActReport): ReturnType<typeof checked> {
  const served = events
    .filter(({ ev }) => ev === 'app:write')
    .reduce((sum, { data }) => sum + Number(data['bytes']), 0);
  const printed = programs[0]?.bytes ?? 0;
  return checked(
    'nc printed as many bytes as the server wrote',
    'nc 打印的字节数等于服务器写出的字节数',
    served > 0 && served === printed,
    `${served} written, ${printed} printed`,
  );
}
