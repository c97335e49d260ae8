/** close/orphan-retries: how often a FIN is sent again when no program waits for it any more. */

import { lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { checked, gapsOf, segmentsWith } from './scenes.ts';

export default lab({
  id: 'close/orphan-retries',
  level: 2,
  minutes: 3,
  answers: ['B49'],
  rfc: ['RFC 9293 §3.8.3', 'RFC 9293 §3.6'],
  code: ['src/tcp/recovery/timeout.ts', 'src/tcp/timers/retransmission.ts'],
  title: { en: 'A FIN that nobody waits for', zh: '没有人在等的 FIN' },
  question: {
    en: 'The program has closed and gone, the peer is dead. How many FINs are sent, and which knob says so?',
    zh: '程序已关闭离开，对方已死。FIN 会发送几次？由哪个旋钮决定？',
  },
  type: {
    'nc.openbsd': [{ run: 'nc -N 10.9.0.2 7' }, { key: 'Ctrl-D' }, { run: 'fourwave ladder', terminal: 2 }],
    ncat: [{ run: 'ncat 10.9.0.2 7' }, { key: 'Ctrl-D' }],
    any: [{ run: 'nc -N 10.9.0.2 7' }, { key: 'Ctrl-D' }],
  },
  predict: {
    ask: {
      en: 'tcp_orphan_retries is 0 on a fresh Linux. How often is an orphan FIN sent again?',
      zh: '新装的 Linux 上 tcp_orphan_retries 为 0。孤儿 FIN 会重发几次？',
    },
    choices: [
      { en: 'never', zh: '不重发' },
      { en: '8 times', zh: '8 次' },
      { en: '15 times, as data', zh: '15 次，与数据一样' },
    ],
    right: 1,
    why: {
      en: '0 stands for the default there, and the default is 8.',
      zh: '在那里 0 代表默认值，而默认值是 8。',
    },
  },
  acts: [
    {
      name: 'ours',
      title: { en: 'retries.orphan = 3', zh: 'retries.orphan = 3' },
      stack: { 'retries.orphan': '3', tlp: 'off' },
      services: { echo: { think: 300 } },
      faults: ['drop out where fin'],
      auto: async (stage) => {
        const nc = await stage.nc(7, { N: true });
        await stage.until('S ESTABLISHED');
        await nc.eof();
        await stage.until('S CLOSED', { timeout: 15_000 });
        await nc.kill();
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1
        K>S FIN,ACK 1 ack 1                ; S CLOSE-WAIT
        S>K ACK 1 ack 2
        S>K FIN,ACK 1 ack 2 LOST           ; S LAST-ACK
        S>K FIN,ACK 1 ack 2 LOST RETRANS trigger rto within 150ms..600ms
        S>K FIN,ACK 1 ack 2 LOST RETRANS trigger rto
        S>K FIN,ACK 1 ack 2 LOST RETRANS trigger rto
        closed timeout-r2
        ...
      `,
      check: ({ events }) => {
        const gaps = gapsOf(segmentsWith(events, 'S', 'FIN'));
        return [
          checked(
            '1 FIN, and 3 again',
            '1 个 FIN，再重发 3 次',
            gaps.length === 3,
            `${gaps.join(', ')} ms apart`,
          ),
        ];
      },
    },
    {
      name: 'other-numbers',
      title: { en: '0, 1 and 2', zh: '0、1 和 2' },
      stack: { tlp: 'off' },
      auto: async (stage) => {
        const found: string[] = [];
        const echo = stage.service('echo');
        for (const [index, retries] of [0, 1, 2].entries()) {
          await stage.configure({ 'retries.orphan': String(retries) });
          await echo.stop();
          await echo.start();
          const conn = `c${index + 1}`;
          await orphanOurs(stage, conn);
          await stage.mendCable();
          found.push(`${retries}: ${segmentsWith(stage.log, 'S', 'FIN', conn).length}`);
        }
        stage.keep('found', found.join(', '));
      },
      check: ({ kept }) => [
        checked(
          'FINs by retries.orphan',
          '按 retries.orphan 得到的 FIN 数',
          kept['found'] === '0: 1, 1: 2, 2: 3',
          String(kept['found']),
        ),
      ],
    },
    {
      name: 'held',
      title: {
        en: 'A program that still waits gets more: retries.data',
        zh: '还有程序在等时会更多：retries.data',
      },
      stack: { 'retries.orphan': '1', 'retries.data': '3', tlp: 'off' },
      auto: async (stage) => {
        const nc = await stage.nc(7, { N: true });
        await stage.until('S ESTABLISHED');
        await stage.cutCable();
        await stage.app('c1').shutdown();
        await stage.until('S CLOSED', { timeout: 30_000 });
        await nc.kill();
      },
      check: ({ events }) => {
        const fins = segmentsWith(events, 'S', 'FIN');
        return [
          checked(
            'shutdown() instead of close(): 1 FIN, and 3 again',
            '用 shutdown() 而非 close()：1 个 FIN，再重发 3 次',
            fins.length === 4,
            fins.length,
          ),
        ];
      },
    },
    {
      name: 'kernel',
      title: { en: 'The kernel twin: tcp_orphan_retries', zh: '内核的对应物：tcp_orphan_retries' },
      // 8 times is 100 s: seen in the simulator only.
      kernel: { tcp_orphan_retries: 0 },
      real: { kernel: { tcp_orphan_retries: 1 } },
      auto: async (stage) => {
        const socket = await stage.socket({ connect: 7 });
        await stage.until('S ESTABLISHED');
        await stage.cutCable();
        await socket.close();
        await stage.until('K>S FIN,ACK LOST');
        stage.keep('K', (await stage.kernelSockets()).map(({ state }) => state).join());
        await stage.wait(stage.mode === 'sim' ? 200_000 : 3500);
        stage.keep('after', (await stage.kernelSockets()).length);
      },
      check: ({ events, kept, mode }) => {
        const again = segmentsWith(events, 'K', 'FIN').length - 1;
        const wanted = mode === 'sim' ? 8 : 1;
        return [
          checked(
            // The first one may be a loss probe, which is no timeout; the kernel counts in time, not in segments.
            mode === 'sim'
              ? '0 means 8 there: 8 timeouts, and a loss probe before them'
              : 'about as often as it says',
            mode === 'sim' ? '那里 0 表示 8：8 次超时，之前还有一次丢失探测' : '大致与设定一致',
            again >= wanted && again <= wanted + 2,
            `${again} times again`,
          ),
          checked('K was in FIN-WAIT-1', 'K 处于 FIN-WAIT-1', kept['K'] === 'FIN-WAIT-1', String(kept['K'])),
          checked('then K gave up', '然后 K 放弃了', kept['after'] === 0),
        ];
      },
    },
  ],
  explain: {
    en: `Data that is not acknowledged is sent again until R2 (RFC 9293 §3.8.3): 15 timeouts on Linux and here,
about a
quarter of an hour. Once a program has called close and gone, nobody is interested in the outcome, but each such
orphan holds memory; a server under attack may have thousands. So orphans have a bound of their own:
tcp_orphan_retries there, "retries.orphan" here, and 0 means 8 on Linux (some 100 s with a short round trip).

shutdown() makes no orphan: the program still holds its socket and the longer bound goes on. A tail loss probe
may come first; it is no timeout and is not counted.`,
    zh: `未被确认的数据会重发到 R2 为止（RFC 9293 §3.8.3）：Linux 和这里都是 15 次超时，约一刻钟。程序调用 close 离开之后，
没有人再关心结果，但每个这样的“孤儿”都占内存；受攻击的服务器可能有成千上万个。所以孤儿有自己的上限：
Linux 上是 tcp_orphan_retries，这里是 "retries.orphan"；在 Linux 上 0 表示 8（往返时间短时约 100 秒）。

shutdown() 不产生孤儿：程序仍持有套接字，适用较长的上限。最先可能出现一次尾部丢失探测（TLP），它不是超时，不计数。`,
  },
  next: ['close/peer-vanishes', 'half-open/send-discovers', 'reset/linger0'],
  broken: {
    what: 'An orphan is given as many tries as any other connection.',
    act: 'ours',
    stack: { 'retries.orphan': '15' },
  },
});

/** K connects, vanishes, and S's program closes. */
async function orphanOurs(stage: Stage, conn = 'c1'): Promise<void> {
  const nc = await stage.nc(7, { N: true });
  await stage.until(`${conn} S ESTABLISHED`);
  await stage.cutCable();
  await stage.app(conn).close();
  await stage.until(`${conn} S CLOSED`, { timeout: 15_000 });
  await nc.kill();
}
