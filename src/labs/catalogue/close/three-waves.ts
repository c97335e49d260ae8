/** close/three-waves: the second and the third wave in one segment, and when. */

import { lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { checked, segmentsWith } from './scenes.ts';

export default lab({
  id: 'close/three-waves',
  level: 1,
  minutes: 4,
  answers: ['B12', 'B31'],
  rfc: ['RFC 9293 §3.6', 'RFC 9293 §3.8.6.3', 'RFC 5681 §4.2'],
  code: ['src/tcp/receive/ack-policy.ts', 'src/tcp/input/8-fin.ts'],
  title: { en: 'Four waves in three segments', zh: '三次就能挥完手' },
  question: {
    en: 'Can the second and the third wave be one segment, as SYN and ACK are? On what does it depend?',
    zh: '第二次和第三次挥手能像 SYN,ACK 那样合成一个报文段吗？取决于什么？',
  },
  type: {
    'nc.openbsd': [{ run: 'nc -N 10.9.0.2 7' }, { key: 'Ctrl-D' }],
    ncat: [{ run: 'ncat 10.9.0.2 7' }, { key: 'Ctrl-D' }],
    busybox: [{ run: 'busybox nc 10.9.0.2 7' }, { key: 'Ctrl-D' }],
    any: [{ run: 'nc -N 10.9.0.2 7' }, { key: 'Ctrl-D' }],
  },
  predict: {
    ask: {
      en:
        'The ACK of a FIN may wait 40 ms. The server closes 20 ms after the FIN. How many segments ' +
        'close the connection?',
      zh: '对 FIN 的 ACK 最多可以等 40 毫秒。服务器在 FIN 之后 20 毫秒关闭。关闭连接用几个报文段？',
    },
    choices: [
      { en: 'four, always', zh: '四个，永远如此' },
      { en: 'three', zh: '三个' },
      { en: 'two', zh: '两个' },
    ],
    right: 1,
    why: {
      en:
        'The ACK was still waiting for company when the application closed: it rides on the FIN. That ' +
        'would fail at 41 ms.',
      zh: '应用程序关闭时，ACK 还在等待同伴，于是搭上 FIN 一起走。到 41 毫秒就不行了。',
    },
  },
  acts: [
    {
      name: 'at-once',
      title: { en: 'The server closes at once', zh: '服务器立即关闭' },
      auto: closeEcho,
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1
        K>S FIN,ACK 1 ack 1          ; K FIN-WAIT-1  S CLOSE-WAIT  S LAST-ACK
        strict S>K FIN,ACK 1 ack 2   ; K TIME-WAIT
        strict K>S ACK 2 ack 2       ; S CLOSED
        closed normal
      `,
    },
    {
      name: 'acknowledged-first',
      title: { en: 'The ACK does not wait: four', zh: 'ACK 不等待：四次' },
      stack: { 'ack.delay': '0ms' },
      services: { echo: { think: 100 } },
      auto: closeEcho,
      expect: `
        ...
        K>S FIN,ACK 1 ack 1          ; K FIN-WAIT-1  S CLOSE-WAIT
        strict S>K ACK 1 ack 2       ; K FIN-WAIT-2
        strict S>K FIN,ACK 1 ack 2   ; S LAST-ACK    K TIME-WAIT within 90ms..900ms
        K>S ACK 2 ack 2              ; S CLOSED
      `,
    },
    {
      name: 'border',
      title: { en: 'The application thinks for longer and longer', zh: '应用程序思考得越来越久' },
      stack: { 'ack.delay': '40ms' },
      // Shorter than 200 ms, after which the kernel sends its FIN again.
      real: { stack: { 'ack.delay': '150ms' } },
      auto: findBorder,
      check: ({ kept }) => {
        const found = (kept['closes'] ?? []) as readonly Close[];
        return [
          ...found.map(({ think, delay, segments }) =>
            checked(
              `it closes after ${think} ms, the ACK waits ${delay} ms: ${think < delay ? 'three' : 'four'}`,
              `应用程序 ${think} 毫秒后关闭，ACK 等待 ${delay} 毫秒：${think < delay ? '三' : '四'}次`,
              segments === (think < delay ? 3 : 4),
              `${segments} segments`,
            ),
          ),
          checked(
            'both were seen',
            '两种情况都看到了',
            new Set(found.map(({ segments }) => segments)).size === 2,
          ),
        ];
      },
    },
    {
      name: 'mirror',
      title: {
        en: 'The other way round: nc -l on K, S closes first',
        zh: '反过来：K 上运行 nc -l，S 先关闭',
      },
      stack: { msl: '1s' },
      auto: async (stage) => {
        await stage.nc(1234, { listen: true });
        const s = await stage.connect(1234);
        await stage.until('S ESTABLISHED');
        await stage.wait(300);
        await s.eof();
        await stage.until('S TIME-WAIT');
      },
      expect: `
        S>K SYN 0
        K>S SYN,ACK 0 ack 1          ; S ESTABLISHED
        S>K ACK 1 ack 1
        S>K FIN,ACK 1 ack 1          ; S FIN-WAIT-1
        strict K>S FIN,ACK 1 ack 2   ; S FIN-WAIT-2  S TIME-WAIT
        strict S>K ACK 2 ack 2       ; K CLOSED
        S CLOSED within 1900ms..2100ms
      `,
      check: ({ programs }) => [
        checked(
          'nc -l ended by itself',
          'nc -l 自行退出',
          programs.some(({ command, exit }) => command.includes('-l') && exit?.code === 0),
        ),
      ],
    },
  ],
  narrate: [
    {
      when: 'K>S FIN,ACK\nS>K FIN,ACK 1 ack 2',
      say: {
        en: 'One segment does two things: ack 2 is the second wave, FIN is the third.',
        zh: '一个报文段做了两件事：ack 2 是第二次挥手，FIN 是第三次。',
      },
    },
  ],
  explain: {
    en: `The ACK of a FIN need not be sent at once. A receiver may let it wait for company for less than half a second
(RFC 9293 §3.8.6.3; 40 ms on Linux and here), and if the application closes within that time its FIN is that
company: one segment is the second and the third wave. The states are passed all the same: S goes through
CLOSE-WAIT to LAST-ACK, and a K whose FIN is acknowledged by the peer's FIN goes from FIN-WAIT-1 straight to
TIME-WAIT. So "why can opening merge and closing not" has an honest answer: closing can, whenever the
application has nothing left to say; opening always can, since there is never anything to say yet.

nc -l closes the moment its peer has, so you meet three waves far more often than four.`,
    zh: `对 FIN 的 ACK 不必立即发送。接收方可以让它等待同伴，时间不到半秒（RFC 9293 §3.8.6.3；Linux 和这里是 40 毫秒），
如果应用程序在这段时间内关闭，它的 FIN 就是这个同伴：一个报文段同时是第二次和第三次挥手。状态照样要经过：
S 经 CLOSE-WAIT 到 LAST-ACK；而 K 的 FIN 若由对方的 FIN 报文段确认，就从 FIN-WAIT-1 直接进入 TIME-WAIT。
所以“为什么建立可以合并，关闭却不行”的诚实回答是：关闭也可以，只要应用程序没有别的话要说；
而建立总是可以，因为那时还没有任何话要说。

nc -l 在对方结束时立即关闭，所以你遇到三次挥手的机会远多于四次。`,
  },
  next: ['close/half-close', 'close/simultaneous', 'ack/delayed'],
  broken: {
    what: 'S acknowledges at once whatever comes: nothing is left to merge.',
    act: 'border',
    stack: { 'ack.delay': '0ms' },
  },
});

async function closeEcho(stage: Stage): Promise<void> {
  const nc = await stage.nc(7, { N: true });
  await stage.until('S ESTABLISHED');
  await nc.eof();
  await nc.exited();
}

interface Close {
  readonly think: number;
  readonly delay: number;
  readonly segments: number;
}

/** Ever longer thinking times, on both sides of the ACK's patience. */
async function findBorder(stage: Stage): Promise<void> {
  const delay = stage.mode === 'sim' ? 40 : 150;
  const thinks = stage.mode === 'sim' ? [0, 10, 20, 39, 41, 60, 200] : [0, 10, 500];
  const echo = stage.service('echo');
  const closes: Close[] = [];
  for (const [index, think] of thinks.entries()) {
    await echo.stop();
    await echo.start({ think });
    const conn = `c${index + 1}`;
    stage.step({ en: `The application closes after ${think} ms`, zh: `应用程序 ${think} 毫秒后关闭` });
    const nc = await stage.nc(7, { N: true });
    await stage.until(`${conn} S ESTABLISHED`);
    await nc.eof();
    await nc.exited();
    await stage.until(`${conn} S CLOSED`);
    closes.push({ think, delay, segments: segmentsOfClose(stage, conn) });
  }
  stage.keep('closes', closes);
}

/** From K's FIN on. A FIN that came again while S waited for a processor, and its answer, do not count. */
function segmentsOfClose(stage: Stage, conn: string): number {
  const first = segmentsWith(stage.log, 'K', 'FIN', conn)[0]?.n ?? 0;
  const answers = segmentsWith(stage.log, 'S', 'ACK', conn).filter(({ n }) => n > first);
  const merged = answers[0]?.flags.includes('FIN') ?? false;
  if (stage.mode === 'real') return merged ? 3 : 4;
  return segmentsWith(stage.log, 'K', 'ACK', conn).filter(({ n }) => n >= first).length + answers.length;
}
