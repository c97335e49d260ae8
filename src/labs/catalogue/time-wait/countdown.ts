/** time-wait/countdown: who waits, and for how long. */

import { type Act, lab } from '../../lab.ts';
import { check, msBetween } from '../toolkit.ts';

const MSL = { '1s': 1_000, '30s': 30_000, '2m': 120_000 } as const;

/** S closes first; its countdown is watched to the end. */
function withMsl(name: keyof typeof MSL): Act {
  const msl = MSL[name];
  return {
    name: `msl-${name}`,
    title: { en: `msl=${name}: ${2 * (msl / 1000)} s`, zh: `msl=${name}:${2 * (msl / 1000)} 秒` },
    stack: { msl: name },
    ...(msl > MSL['1s'] && {
      only: {
        stage: 'sim' as const,
        why: { en: 'nobody wants to wait so long for a check', zh: '没有人愿意为一次检查等这么久' },
      },
    }),
    auto: async (stage) => {
      const nc = await stage.nc(13);
      await stage.until('S FIN-WAIT-2');
      await nc.eof();
      const entered = await stage.until('S TIME-WAIT');
      await stage.wait(200);
      const waiting = (await stage.connections()).find(({ state }) => state === 'TIME-WAIT');
      stage.keep('halfway', waiting?.timers[0]?.remainingMs ?? null);
      const left = await stage.until('S CLOSED', { timeout: 3 * msl });
      stage.keep('lasted', msBetween(entered, left));
    },
    expect: `
    only port 13             # who looks at the kernel's own beside it connects to another
    ...
    S>K FIN,ACK n ack 1
    K>S FIN,ACK 1 ack n+1 ; S TIME-WAIT
    S>K ACK n+1 ack 2     ; K CLOSED
    S CLOSED`,
    check: ({ kept, sockets, mode }) => {
      const [lasted, halfway] = [Number(kept['lasted']), Number(kept['halfway'])];
      return [
        check(
          ['TIME-WAIT lasted 2 MSL', 'TIME-WAIT 持续了 2MSL'],
          Math.abs(lasted - 2 * msl) <= (mode === 'sim' ? 50 : 250),
          `${lasted.toFixed(0)} ms`,
        ),
        check(
          ['the countdown was to be seen on S', '可以在 S 上看到倒计时'],
          halfway > 0 && halfway < 2 * msl,
          `${halfway} ms left after 200 ms`,
        ),
        check(
          [
            'K had nothing left: the side that closes last is free at once',
            'K 没有残留：后关闭的一方立即结束',
          ],
          sockets.length === 0,
        ),
      ];
    },
  };
}

/** K closes first: its own countdown, for comparison. */
const kernel: Act = {
  name: 'kernel',
  title: { en: "The kernel's own: always 60 s", zh: '内核自己的：总是 60 秒' },
  auto: async (stage) => {
    const nc = await stage.nc(7, { N: true });
    await stage.until('S ESTABLISHED');
    await nc.eof();
    await nc.exited();
    await stage.until('S CLOSED');
    await stage.wait(100);
    const [socket] = await stage.kernelSockets();
    stage.keep('state', socket?.state ?? 'nothing');
    stage.keep('left', socket?.timer?.remainingMs ?? 0);
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S FIN,ACK 1 ack 1
    S>K FIN,ACK 1 ack 2
    K>S ACK 2 ack 2          ; S CLOSED`,
  check: ({ kept, connections }) => [
    check(['now K waits', '现在轮到 K 等待'], kept['state'] === 'TIME-WAIT', String(kept['state'])),
    check(
      ['a minute, whatever S is told', '一分钟，与 S 的设置无关'],
      Number(kept['left']) > 50_000 && Number(kept['left']) <= 60_000,
      `${String(kept['left'])} ms left`,
    ),
    check(['and S has nothing left', 'S 没有残留'], connections.length === 0),
  ],
};

export default lab({
  id: 'time-wait/countdown',
  level: 1,
  minutes: 2,
  answers: ['B28', 'B33', 'B34', 'B35', 'B36'],
  rfc: ['RFC 9293 §3.4.2', 'RFC 9293 §3.6'],
  code: ['src/tcp/compact/time-wait-table.ts', 'src/tcp/lifecycle.ts'],
  title: { en: 'TIME-WAIT lasts 2 MSL', zh: 'TIME-WAIT 持续 2MSL' },
  question: {
    en: 'Which side is left in TIME-WAIT, and how long does it stay there?',
    zh: '哪一方留在 TIME-WAIT？它要停留多久？',
  },
  type: {
    any: [
      { run: 'nc 10.9.0.2 13' },
      { key: 'Ctrl-D' },
      { run: 'fourwave watch' },
      { run: 'nc -N 10.9.0.2 7 </dev/null; ss -tano state time-wait   # for comparison', terminal: 2 },
    ],
  },
  predict: {
    ask: { en: 'S closed first. Where is TIME-WAIT?', zh: 'S 先关闭。TIME-WAIT 在哪一方？' },
    choices: [
      { en: 'on S', zh: '在 S' },
      { en: 'on K', zh: '在 K' },
      { en: 'on both', zh: '双方都有' },
    ],
    right: 0,
    why: {
      en: 'Who closes first sends the last ACK, and must stay to send it again.',
      zh: '先关闭的一方发送最后一个 ACK，必须留下来以便重发。',
    },
  },
  acts: [withMsl('1s'), withMsl('30s'), withMsl('2m'), kernel],
  explain: {
    en: `The side that closed first is left in TIME-WAIT for two maximum segment lifetimes: one for its last ACK
to get lost, one for the FIN that comes again to arrive; and so that segments of this connection have died out
before its four-tuple is used again. RFC 9293 proposes an MSL of two minutes; Linux waits a fixed 60 seconds,
whatever is set; we wait twice "msl", 30 s unless told. Two seconds, as some texts have it, is nobody's value.`,
    zh: `先关闭的一方在 TIME-WAIT 停留两个最大报文段生存时间：一个给它最后的 ACK（可能丢失），一个给再次到来的 FIN;
同时也让本连接的旧报文段在四元组被重新使用之前消亡。RFC 9293 建议 MSL 为两分钟；Linux 固定等待 60 秒，不可设置；
我们等待两倍的 "msl"，默认 30 秒。有的教材写的"两秒"不是任何实现的值。`,
  },
  next: ['time-wait/restart', 'time-wait/reuse', 'time-wait/too-many'],
  broken: {
    what: 'TIME-WAIT is switched off: there is nothing to count down.',
    act: 'msl-1s',
    stack: { timeWait: 'off' },
  },
});
