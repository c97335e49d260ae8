/** close/close-wait-leak: a server that forgets close. */

import { lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { checked, segmentsWith } from './scenes.ts';

/** The real stage starts real programs: fewer will do. */
const clients = (stage: Pick<Stage, 'mode'>): number => (stage.mode === 'sim' ? 50 : 10);

export default lab({
  id: 'close/close-wait-leak',
  level: 2,
  minutes: 4,
  answers: ['B20', 'B51'],
  rfc: ['RFC 9293 §3.6', 'RFC 9293 §3.10.4', 'RFC 9293 §3.10.7.1'],
  code: ['src/apps/leaky.ts', 'src/tcp/input/8-fin.ts'],
  title: { en: 'A server full of CLOSE-WAIT', zh: '满是 CLOSE-WAIT 的服务器' },
  question: {
    en: 'A server collects connections in CLOSE-WAIT. Whose fault is it, and what ends them?',
    zh: '服务器上堆积了大量 CLOSE-WAIT。是谁的错？什么能结束它们？',
  },
  type: {
    'nc.openbsd': [
      { run: 'for i in $(seq 50); do nc -N 10.9.0.2 2002 </dev/null & done' },
      { run: 'fourwave ss -a', terminal: 2 },
      { run: 'kill $(jobs -p)' },
      { run: 'ss -tano dst 10.9.0.2', terminal: 2 },
    ],
    ncat: [{ run: 'for i in $(seq 50); do ncat 10.9.0.2 2002 </dev/null & done' }],
    any: [{ run: 'for i in $(seq 50); do nc -N 10.9.0.2 2002 </dev/null & done' }],
  },
  predict: {
    ask: {
      en: 'The clients are gone. When does S get rid of its CLOSE-WAITs?',
      zh: '客户端都走了。S 的 CLOSE-WAIT 什么时候消失？',
    },
    choices: [
      { en: 'after 2 MSL', zh: '2MSL 之后' },
      { en: 'after 60 s, as FIN-WAIT-2', zh: '60 秒之后，和 FIN-WAIT-2 一样' },
      { en: 'never', zh: '永远不会' },
    ],
    right: 2,
    why: {
      en: 'In CLOSE-WAIT TCP waits for its own application. There is no timer for that: only close() ends it.',
      zh: 'CLOSE-WAIT 是 TCP 在等自己的应用程序。没有为此设定的定时器：只有 close() 能结束它。',
    },
  },
  acts: [
    {
      name: 'leak',
      title: { en: 'Forgotten', zh: '被遗忘' },
      kernel: { tcp_fin_timeout: 1 },
      auto: leak,
      expect: `
        only c1
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S FIN,ACK 1 ack 1            ; S CLOSE-WAIT
        S>K ACK 1 ack 2                # and then nothing, for ever
        never S>K FIN
        ...
      `,
      check: ({ kept, mode }) => {
        const count = clients({ mode });
        return [
          checked(
            `${count} connections in CLOSE-WAIT`,
            `${count} 个连接处于 CLOSE-WAIT`,
            kept['leaked'] === count,
            String(kept['leaked']),
          ),
          checked(
            'none of them has a timer',
            '没有一个带有定时器',
            kept['timers'] === 0,
            `${String(kept['timers'])} timers`,
          ),
          checked(
            'their age grows',
            '它们的年龄在增长',
            Number(kept['aged']) > 400,
            `${String(kept['aged'])} ms older`,
          ),
          checked(
            'the other ends wait in FIN-WAIT-2',
            '另一端都在 FIN-WAIT-2 等待',
            kept['K'] === `${count} FIN-WAIT-2`,
            String(kept['K']),
          ),
          checked(
            'without their programs K forgot them all',
            '程序结束后 K 忘记了全部连接',
            kept['K later'] === 0,
            `${String(kept['K later'])} left`,
          ),
          checked(
            'S did not: as many as before',
            'S 没有忘：数量不变',
            kept['still'] === count,
            String(kept['still']),
          ),
        ];
      },
    },
    {
      name: 'too-late',
      title: { en: 'Writing, and closing, when nobody is there', zh: '对方已不在时再写、再关' },
      kernel: { tcp_fin_timeout: 1 },
      auto: async (stage) => {
        const [first, second, third] = [
          await stage.socket({ connect: 2002 }),
          await stage.socket({ connect: 2002 }),
          await stage.nc(2002, { N: true }),
        ];
        await stage.until('c3 S ESTABLISHED');
        await third.eof();
        await stage.until('c3 S CLOSE-WAIT');
        await stage.wait(100);
        stage.step({
          en: 'The peer is still there: close() is all it takes',
          zh: '对方还在：close() 就够了',
        });
        await stage.app('c3').close();
        await third.exited();
        await stage.until('c3 S CLOSED');
        await first.close();
        await second.close();
        await stage.until('c2 S CLOSE-WAIT');
        await stage.wait(3500);
        stage.keep('K', (await stage.kernelSockets()).filter(({ state }) => state !== 'TIME-WAIT').length);
        stage.step({ en: 'The peer is gone: a byte earns RST', zh: '对方已不在：一个字节换来 RST' });
        await stage.app('c1').write('x');
        await stage.until('c1 S CLOSED');
        stage.step({ en: 'The peer is gone: so does a FIN', zh: '对方已不在：FIN 也一样' });
        await stage.app('c2').close();
        await stage.until('c2 S CLOSED');
      },
      expect: `
        ...
        c3 S>K FIN,ACK 1 ack 2         ; S LAST-ACK
        c3 K>S ACK 2 ack 2             ; S CLOSED
        ...
        c1 S>K PSH,ACK 1:2 ack 2
        c1 K>S any 2                   ; S CLOSED  closed reset-by-peer
        c2 S>K FIN,ACK 1 ack 2         ; S LAST-ACK
        c2 K>S any 2                   ; S CLOSED
      `,
      check: ({ events, kept }) => [
        checked('K had forgotten both', 'K 已忘记那两个连接', kept['K'] === 0, String(kept['K'])),
        checked(
          'two resets, one for the byte, one for the FIN',
          '两个 RST：一个因字节，一个因 FIN',
          segmentsWith(events, 'K', 'RST').length === 2,
        ),
      ],
    },
    {
      name: 'fixed',
      title: { en: 'The same with close() in a finally', zh: '同样的事，但在 finally 里调用 close()' },
      services: { leaky: { fixed: true } },
      auto: async (stage) => {
        const count = clients(stage);
        for (let i = 0; i < count; i++) await stage.nc(2002, { N: true, input: '' });
        await reached(stage, 'CLOSED', count);
      },
      check: ({ connections, events, mode }) => [
        checked(
          'all came, none is left',
          '全部来过，没有残留',
          connections.length === 0 &&
            events.filter(({ ev }) => ev === 'conn:closed').length === clients({ mode }),
          `${connections.length} left`,
        ),
      ],
    },
  ],
  narrate: [
    {
      when: 'S CLOSE-WAIT',
      say: {
        en: "K's FIN was acknowledged by TCP itself. From here on everything waits for the application's close().",
        zh: 'K 的 FIN 已由 TCP 自己确认。从现在起，一切都在等应用程序的 close()。',
      },
    },
  ],
  explain: {
    en: `CLOSE-WAIT means: the peer has finished, our TCP has acknowledged it, and our own application has not
closed yet.
No timer runs, for the application may still have something to say. So masses of CLOSE-WAIT are always a bug of
the program on this side: an error path that skips close(), a descriptor that leaks, a thread that hangs. The network
is not to blame, and no sysctl helps.

The other side is not held for ever: once its program has gone, its FIN-WAIT-2 ends (60 s on Linux, tcp_fin_timeout).
Then the server keeps connections to peers that know nothing of them. It finds out when it writes, or
closes at last: RST. Close while the peer is there, in a finally or its like, and none is left.`,
    zh: `CLOSE-WAIT 的意思是：对方已结束，我们的 TCP 已确认，而我们自己的应用程序还没有关闭。没有定时器在跑，
因为应用程序可能还有话要说。所以大量 CLOSE-WAIT 永远是本端程序的 bug：某个错误分支跳过了 close()，描述符泄漏，线程卡住。
不怪网络，也没有 sysctl 能救。

另一端不会永远被拖住：它的程序离开后，FIN-WAIT-2 会结束（Linux 上 60 秒，tcp_fin_timeout）。
于是服务器保留着一些对方早已忘记的连接，直到它写数据或终于关闭时才发现：RST。
趁对方还在时关闭（放在 finally 之类的地方），就不会残留。`,
  },
  next: ['close/peer-vanishes', 'reset/after-close', 'half-open/leak'],
  broken: {
    what: 'The server does not forget: it closes when its peer has.',
    act: 'leak',
    services: { leaky: { fixed: true } },
  },
});

/** Until so many connections of S have been in a state. */
async function reached(stage: Stage, state: string, count: number): Promise<void> {
  const seen = new Set<string>();
  await stage.until(
    ({ ev, conn, data }) => {
      if (ev === 'conn:state' && data['new'] === state && conn !== undefined) seen.add(conn);
      return seen.size === count;
    },
    { timeout: 30_000 },
  );
}

async function leak(stage: Stage): Promise<void> {
  const count = clients(stage);
  const programs = [];
  for (let i = 0; i < count; i++) programs.push(await stage.nc(2002, { N: true, input: '' }));
  await reached(stage, 'CLOSE-WAIT', count);
  await stage.wait(500);
  const before = (await stage.connections()).filter(({ state }) => state === 'CLOSE-WAIT');
  stage.keep('leaked', before.length);
  stage.keep(
    'timers',
    before.reduce((sum, { timers }) => sum + timers.length, 0),
  );
  const kernels = (await stage.kernelSockets()).map(({ state }) => state);
  stage.keep('K', `${kernels.length} ${[...new Set(kernels)].join()}`);
  for (const program of programs) await program.interrupt();
  await stage.wait(3500);
  stage.keep('K later', (await stage.kernelSockets()).length);
  const after = (await stage.connections()).filter(({ state }) => state === 'CLOSE-WAIT');
  stage.keep('still', after.length);
  stage.keep('aged', Math.round(Number(after[0]?.ageMs) - Number(before[0]?.ageMs)));
}
