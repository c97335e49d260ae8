/** time-wait/countdown: who waits, and for how long. */

import { lab } from '../../lab.ts';

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
  stack: { msl: '30s' },
  real: { stack: { msl: '1s' } },
  type: {
    any: [{ run: 'nc 10.9.0.2 13' }, { key: 'Ctrl-D' }, { run: 'fourwave ss' }],
  },
  auto: async (stage) => {
    const nc = await stage.nc(13);
    await stage.until('S FIN-WAIT-2');
    await nc.eof();
    const entered = await stage.until('S TIME-WAIT');
    await stage.wait(200);
    const [record] = await stage
      .connections()
      .then((all) => all.filter(({ state }) => state === 'TIME-WAIT'));
    stage.keep('halfway', record?.timers[0]?.remainingMs ?? null);
    const msl = stage.mode === 'sim' ? 30_000 : 1_000;
    const left = await stage.until('S CLOSED', { timeout: 3 * msl });
    stage.keep('lasted', (left.t - entered.t) * 1000);
    stage.keep('msl', msl);
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
  expect: `
    ...
    S>K FIN,ACK n ack 1
    K>S FIN,ACK 1 ack n+1 ; S TIME-WAIT
    S>K ACK n+1 ack 2     ; K CLOSED
    S CLOSED
  `,
  check: ({ kept, sockets }) => {
    const [lasted, msl] = [Number(kept['lasted']), Number(kept['msl'])];
    const near = kept['msl'] === 30_000 ? 50 : 250;
    return [
      {
        text: { en: 'TIME-WAIT lasted 2 MSL', zh: 'TIME-WAIT 持续了 2MSL' },
        ok: Math.abs(lasted - 2 * msl) <= near,
        detail: `${lasted.toFixed(0)} ms`,
      },
      {
        text: { en: 'the countdown was to be seen on S', zh: '可以在 S 上看到倒计时' },
        ok: Number(kept['halfway']) > 0 && Number(kept['halfway']) < 2 * msl,
        detail: `${String(kept['halfway'])} ms left after 200 ms`,
      },
      {
        text: {
          en: 'K had nothing left: the side that closes last is free at once',
          zh: 'K 没有残留：后关闭的一方立即结束',
        },
        ok: sockets.length === 0,
      },
    ];
  },
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
    stack: { timeWait: 'off' },
  },
});
