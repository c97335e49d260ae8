/** half-open/heartbeat: the program is stopped, and its kernel answers for it. */

import type { LogEvent } from '../../../trace/log-event.ts';
import { rungsOf } from '../../expect/rungs.ts';
import { lab } from '../../lab.ts';
import { happened, point, statesOfK } from '../open/points.ts';

/** Three pings: long enough for a probe between two of them. */
const INTERVAL = 1600;

export default lab({
  id: 'half-open/heartbeat',
  level: 2,
  minutes: 3,
  answers: ['B55', 'B54'],
  rfc: ['RFC 9293 §3.8.4'],
  code: ['src/apps/heartbeat.ts', 'src/tcp/timers/keep-alive.ts'],
  title: { en: 'Alive, but not there: heartbeats', zh: '活着，却不在：应用层心跳' },
  question: {
    en: 'A program hangs; its machine is well. Does TCP keep-alive notice? What does?',
    zh: '程序卡住了，机器却好好的。TCP 的 keepalive 能发现吗？什么能发现？',
  },
  services: {
    heartbeat: { interval: INTERVAL, keepAlive: { idle: 1000, interval: 1000, count: 3 } },
  },
  type: {
    any: [
      { run: 'while sleep 1; do echo pong; done | nc 10.9.0.2 2007' },
      { wait: { en: 'three pings', zh: '三次 ping' }, ms: 5000 },
      { key: 'Ctrl-Z' },
      { run: 'ss -tano', terminal: 2 },
      { run: 'fourwave ladder', terminal: 2 },
    ],
  },
  auto: async (stage) => {
    const nc = await stage.nc(2007);
    for (let beat = 1; beat <= 2; beat++) {
      await nc.saw(new RegExp(`^ping(?:[^]*^ping){${beat - 1}}`, 'm'), 8000);
      await nc.type('pong');
    }
    await stage.wait(100);
    stage.step({ en: 'The program is stopped (SIGSTOP).', zh: '程序被暂停（SIGSTOP）。' });
    await nc.stop();
    stage.keep('since', stage.mark());
    await stage.until('S FIN-WAIT-2', { timeout: 12_000 });
    await stage.wait(100);
    stage.keep('K', await statesOfK(stage));
    stage.keep('printed', nc.printed.match(/^ping/gm)?.length ?? 0);
    await nc.cont();
    await nc.saw('closing');
    await nc.interrupt();
    await nc.exited();
    await stage.until('S TIME-WAIT');
  },
  stack: { msl: '500ms' },
  predict: {
    ask: {
      en: 'The program on K is stopped. Are the keep-alive probes of S answered?',
      zh: 'K 上的程序被暂停。S 的 keepalive 探测还有回答吗？',
    },
    choices: [
      { en: 'yes: the kernel answers', zh: '有：内核会回答' },
      { en: 'no: nobody reads', zh: '没有：没有人在读' },
      { en: 'only until the buffer is full', zh: '缓冲区满之前有' },
    ],
    right: 0,
    why: {
      en: 'TCP lives in the kernel. It acknowledges probes and data for a program that will never read them.',
      zh: 'TCP 在内核里。即使程序永远不来读，内核也会确认探测和数据。',
    },
  },
  narrate: [
    {
      when: 'S>K ACK trigger keepalive',
      say: {
        en: "A keep-alive probe. The answer will come from K's kernel, whatever its program does.",
        zh: '一次 keepalive 探测。回答来自 K 的内核，与程序在做什么无关。',
      },
    },
    {
      when: 'S>K FIN,ACK',
      say: {
        en: 'Three pings without a line from the program: the service closes. TCP saw nothing wrong.',
        zh: '三次 ping 都没有等到程序的一行：服务关闭连接。TCP 没有发现任何问题。',
      },
    },
  ],
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1 ack 1               ; S ESTABLISHED
    ...
    S>K FIN,ACK                   ; S FIN-WAIT-1
    K>S ACK                       ; S FIN-WAIT-2  K CLOSE-WAIT
    ? K>S FIN,ACK                 ; S TIME-WAIT
    ...
    never K>S RST
    never S>K RST
    never closed keepalive
  `,
  check: ({ events, kept }) => {
    const since = Number(kept['since']);
    return [
      ...stopped(events, since),
      point(
        "K's kernel held everything for a program that did not read",
        'K 的内核替不来读的程序保管了一切',
        kept['K'] === 'CLOSE-WAIT' && kept['printed'] === 2,
        `${String(kept['K'])}, ${String(kept['printed'])} pings printed`,
      ),
    ];
  },
  explain: {
    en: `Keep-alive asks whether the other kernel still has the connection. Of the program behind it TCP knows
nothing: it may hang, be stopped in a debugger, or wait for a lock for ever, and its kernel goes on acknowledging
probes, and data too, until the receive buffer is full. Nothing on the wire looks wrong.

That is why protocols have a heartbeat of their own: a message that only the program can answer, within a time that
the protocol names. It also finds a dead host sooner than the two hours of keep-alive, and passes firewalls and NAT
that forget silent connections. The service at port 2007 sends "ping" and takes any line for an answer; after three
pings without one it says so and closes.`,
    zh: `keepalive 问的是对方内核是否还有这个连接。至于背后的程序，TCP 一无所知：它可能卡死、停在调试器里、永远等一把锁，
而内核照样确认探测，也确认数据，直到接收缓冲区满。线路上看不出任何异常。

所以协议要有自己的心跳：一个只有程序才能回答、并规定了期限的消息。它也比 keepalive 的两小时更早发现死掉的主机，
还能避免防火墙和 NAT 忘记沉默的连接。2007 端口的服务发送 "ping"，任何一行都算回答；连续三次没有回答，它就说明并关闭。`,
  },
  next: ['half-open/leak', 'close/close-wait-leak', 'win/zero-window'],
  broken: {
    what: 'The service is patient: only TCP asks in time, and TCP is content.',
    services: { heartbeat: { interval: 6000, keepAlive: { idle: 1000, interval: 1000, count: 3 } } },
  },
});

/** What came and went after the program was stopped. */
function stopped(events: readonly LogEvent[], since: number) {
  const rungs = rungsOf(events).filter(({ n }) => n > since);
  const probes = events.filter(
    ({ n, ev, data }) => n > since && ev === 'seg:sent' && data['trigger'] === 'keepalive',
  );
  const answers = probes.filter(({ n }) => {
    const next = rungs.find((rung) => rung.n > n);
    return next?.from === 'K' && next.flags.join() === 'ACK';
  });
  const words = rungs.filter(({ from, len }) => from === 'K' && len > 0);
  const pings = rungs.filter(({ from, len }) => from === 'S' && len === 'ping\n'.length);
  const reset = happened(events, 'conn:closed').map(({ data }) => String(data['error']));
  return [
    point(
      'Keep-alive probes after the stop were all answered',
      '暂停之后的 keepalive 探测全部得到回答',
      probes.length >= 1 && answers.length === probes.length,
      `${answers.length} of ${probes.length}`,
    ),
    point(
      'The program said nothing more; its pings were acknowledged all the same',
      '程序没再说话，而 ping 照样被确认',
      words.length === 0 && pings.length >= 3,
      `${pings.length} pings`,
    ),
    point(
      'It was the heartbeat that closed, without an error of TCP',
      '关闭连接的是心跳，TCP 没有任何错误',
      events.some(({ n, ev }) => n > since && ev === 'app:shutdown') &&
        reset.every((error) => error === 'null'),
    ),
  ];
}
