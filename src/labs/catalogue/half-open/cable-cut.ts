/** half-open/cable-cut: the cable is out, and nobody learns of it. */

import { lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { point, statesOfK, statesOfS } from '../open/points.ts';

/** Whatever S does by itself is in its log. */
async function quietFor(stage: Stage, ms: number): Promise<number> {
  const begin = stage.now;
  await stage.wait(ms);
  return stage.log.filter(({ t, ev }) => t > begin && /^(seg|timer|conn|app):/.test(ev)).length;
}

export default lab({
  id: 'half-open/cable-cut',
  level: 2,
  minutes: 2,
  answers: ['B52', 'B53'],
  rfc: ['RFC 9293 §3.5.1', 'RFC 9293 §3.8.4'],
  code: ['src/tcp/timers/timer-table.ts', 'src/tcp/timers/keep-alive.ts'],
  title: { en: 'The cable is cut', zh: '网线被拔掉' },
  question: {
    en: 'Both ends are ESTABLISHED and the cable is pulled out. How long until they notice?',
    zh: '双方都是 ESTABLISHED，这时网线被拔掉。多久之后它们会发现？',
  },
  type: {
    any: [
      { run: 'nc 10.9.0.2 7' },
      { line: 'hello' },
      { run: 'fourwave fault add cut both', terminal: 2 },
      { run: 'ss -tano', terminal: 2 },
      { run: 'fourwave ss', terminal: 2 },
      { wait: { en: 'as long as you like', zh: '想等多久就等多久' }, ms: 3000 },
      { run: 'fourwave fault clear', terminal: 2 },
      { line: 'as if nothing had happened' },
      { key: 'Ctrl-C' },
    ],
  },
  auto: async (stage) => {
    const nc = await stage.nc(7, { N: true });
    await nc.type('hello');
    await nc.saw('hello');
    await stage.wait(100);
    await stage.cutCable();
    stage.keep('quiet', await quietFor(stage, stage.mode === 'sim' ? 60_000 : 2500));
    stage.keep('S', await statesOfS(stage));
    stage.keep('K', await statesOfK(stage));
    await stage.mendCable();
    stage.step({ en: 'The cable is in again.', zh: '网线插回去了。' });
    await nc.type('as if nothing had happened');
    await nc.saw('as if nothing had happened');
    await nc.eof();
    await nc.exited();
  },
  predict: {
    ask: { en: 'When does S find out?', zh: 'S 什么时候发现？' },
    choices: [
      { en: 'at once: the interface goes down', zh: '立刻：网卡断开了' },
      { en: 'after its retransmission timer, a few seconds', zh: '重传定时器到期后，几秒钟' },
      { en: 'never, while nobody sends', zh: '只要没人发送，就永远不会' },
    ],
    right: 2,
    why: {
      en: 'A connection on which nothing is to be said sends nothing, so there is nothing that could fail.',
      zh: '没有话要说的连接什么也不发送，所以也没有什么会失败。',
    },
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1 ack 1               ; S ESTABLISHED
    K>S PSH,ACK 1:7 ack 1
    S>K PSH,ACK 1:7 ack 7
    K>S ACK 7 ack 7
    silence 2s
    K>S PSH,ACK 7:34 ack 7        ; S ESTABLISHED
    S>K PSH,ACK 7:34 ack 34
    K>S FIN,ACK 34 ack 34
    S>K FIN,ACK 34 ack 35
    K>S ACK 35 ack 35             ; S CLOSED
    never event timer:fire timer=keepalive
  `,
  check: ({ kept, mode }) => [
    point(
      mode === 'sim'
        ? 'For a whole minute S did nothing at all'
        : 'For two seconds and a half S did nothing at all',
      mode === 'sim' ? '整整一分钟，S 什么也没做' : '两秒半里，S 什么也没做',
      kept['quiet'] === 0,
      `${String(kept['quiet'])} events`,
    ),
    point(
      'Both still said ESTABLISHED, and neither had a timer',
      '双方仍然显示 ESTABLISHED，都没有定时器',
      kept['S'] === 'ESTABLISHED' && kept['K'] === 'ESTABLISHED',
      `S ${String(kept['S'])}, K ${String(kept['K'])}`,
    ),
  ],
  explain: {
    en: `A TCP connection is two tables, one at each end, that agree. Between them there is nothing: no circuit that
could break, no signal that is sent all the time. When all that was sent has been acknowledged no timer runs, and
the connection lasts as long as its two tables do, whatever happens to the cable, to the routers, or to the other
end. If the cable is put in again before anybody has sent, nothing has happened at all.

That was intended: a connection is to survive what lies between its ends. The price is that an end whose peer has
died keeps its table for ever. RFC 9293 §3.5.1 calls that half-open (not to be mixed up with half-closed, nor with
SYN-RECEIVED): one side has lost the connection, the other has not been told. It shows when one of them sends
("send-discovers"), or asks from time to time ("keepalive", "heartbeat").`,
    zh: `TCP 连接就是两端各一张表，两张表一致而已。中间什么也没有：没有会断开的线路，也没有一直在发的信号。
当发出的一切都被确认之后，没有任何定时器在跑，连接就和两张表一样长久，无论网线、路由器或另一端发生什么。
如果在有人发送之前网线又插回去，那就等于什么也没发生。

这是有意的设计：连接应当经得起两端之间的变故。代价是：对方死了，这一端的表却永远留着。RFC 9293 §3.5.1 称之为半打开
（不要和半关闭混淆，也不是 SYN-RECEIVED）：一方已经失去连接，另一方没有被告知。只有当其中一方发送
（"send-discovers"），或者不时询问（"keepalive"、"heartbeat"）时才会显现。`,
  },
  next: ['half-open/send-discovers', 'half-open/keepalive', 'half-open/leak'],
  broken: {
    what: 'A box in between keeps a table of its own, and has forgotten the connection.',
    faults: ['reset in where data && idle>=2s'],
  },
});
