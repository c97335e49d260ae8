/** half-open/keepalive: probes, and what they prove. */

import type { LogEvent } from '../../../trace/log-event.ts';
import { rungsOf } from '../../expect/rungs.ts';
import { type Act, lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { happened, point, segments } from '../open/points.ts';

const KA = { ka: { keepAlive: { idle: 2000, interval: 1000, count: 3 } } };
const QUICK = { ka: { keepAlive: { idle: 1000, interval: 1000, count: 3 } } };

/** As netstat -o has it: `keepalive (1.4/0/2)`. */
async function column(stage: Stage): Promise<string> {
  const timer = (await stage.connections())
    .flatMap(({ timers }) => timers)
    .find(({ name }) => name === 'keepalive');
  return timer === undefined
    ? 'off'
    : `keepalive (${(timer.remainingMs / 1000).toFixed(1)}/0/${timer.count})`;
}

/** Resolves when so many segments have been lost. */
async function lost(stage: Stage, count: number): Promise<void> {
  let left = count;
  const isLast = ({ ev, data }: LogEvent): boolean =>
    ev === 'wire:fate' && data['fate'] === 'dropped' && --left === 0;
  await stage.until(isLast, { timeout: 8000 });
}

const OPEN = `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1 ack 1               ; S ESTABLISHED
`;

const cut: Act = {
  name: 'cut',
  title: { en: 'Answered, until the cable is cut', zh: '有回答，直到网线被拔' },
  services: KA,
  auto: async (stage) => {
    await stage.nc(2005);
    await stage.until('S ESTABLISHED');
    await stage.wait(100);
    stage.keep('idle', await column(stage));
    await stage.until('S>K ACK 0\nK>S ACK 1', { timeout: 6000 });
    await stage.wait(100);
    await stage.cutCable();
    await lost(stage, 2);
    await stage.wait(200);
    stage.keep('probing', await column(stage));
    await stage.until('S CLOSED', { timeout: 6000 });
  },
  expect: `
    ${OPEN}
    S>K ACK 0 ack 1 trigger keepalive within 1900ms..2200ms
    strict K>S ACK 1 ack 1
    ...
    S>K ACK 0 ack 1 LOST
    strict S>K ACK 0 ack 1 LOST within 950ms..1100ms
    strict S>K ACK 0 ack 1 LOST within 950ms..1100ms
    strict S>K RST,ACK 1 ack 1 LOST within 950ms..1100ms
  `,
  check: ({ events, kept }) => [
    point(
      'Before, the timer stood at two seconds',
      '开始时定时器是两秒',
      /^keepalive \((1\.[5-9]|2\.0)\/0\/0\)$/.test(String(kept['idle'])),
      String(kept['idle']),
    ),
    point(
      'After two probes it counted them',
      '两次探测之后，它记下了次数',
      /^keepalive \([01]\.\d\/0\/2\)$/.test(String(kept['probing'])),
      String(kept['probing']),
    ),
    point(
      'A probe has the number before SND.NXT, and no data: one was answered, three were lost',
      '探测报文的序号是 SND.NXT − 1，不带数据：一次有回答，三次丢失',
      rungsOf(events).filter(({ from, seq, len }) => from === 'S' && seq === 0 && len === 0).length === 5,
    ),
    point(
      'The application got ETIMEDOUT, and the log says that it was keep-alive',
      '应用程序得到 ETIMEDOUT，日志写明原因是 keepalive',
      happened(events, 'conn:closed', { error: 'ETIMEDOUT', reason: 'keepalive' }).length === 1,
    ),
  ],
};

const rebooted: Act = {
  name: 'rebooted',
  title: { en: 'K has rebooted: the first probe finds out', zh: 'K 重启了：第一次探测就发现' },
  services: KA,
  auto: async (stage) => {
    await stage.nc(2005);
    await stage.until('S ESTABLISHED');
    await stage.wait(100);
    await stage.rebootKernel();
    await stage.until('S CLOSED');
  },
  expect: `
    ${OPEN}
    S>K ACK 0 ack 1 within 1900ms..2300ms
    strict K>S RST 1              ; S CLOSED
    closed reset-by-peer
  `,
  check: ({ events }) => [
    point(
      'The application got ECONNRESET',
      '应用程序得到 ECONNRESET',
      happened(events, 'conn:closed', { error: 'ECONNRESET' }).length === 1,
    ),
  ],
};

/** MUST-29. */
const oneLost: Act = {
  name: 'two-lost',
  title: { en: 'Two probes are lost, the third is answered', zh: '两次探测丢失，第三次得到回答' },
  services: QUICK,
  faults: ['drop out where ack-only && seq==0 times 2'],
  auto: async (stage) => {
    const nc = await stage.nc(2005, { N: true });
    await lost(stage, 2);
    await stage.until('K>S ACK 1', { since: stage.mark() });
    await stage.wait(200);
    stage.keep('column', await column(stage));
    await nc.type('alive');
    await nc.saw('alive');
    await nc.eof();
    await nc.exited();
  },
  expect: `
    ${OPEN}
    S>K ACK 0 ack 1 LOST
    strict S>K ACK 0 ack 1 LOST within 950ms..1100ms
    strict S>K ACK 0 ack 1 within 950ms..1100ms
    strict K>S ACK 1 ack 1        ; S ESTABLISHED
    K>S PSH,ACK 1:7 ack 1
    S>K PSH,ACK 1:7 ack 7
    K>S FIN,ACK 7 ack 7
    S>K FIN,ACK 7 ack 8
    K>S ACK 8 ack 8               ; S CLOSED
    closed normal
  `,
  check: ({ kept }) => [
    point(
      'One answer, and the count is back at none',
      '一次回答，计数归零',
      /^keepalive \([01]\.\d\/0\/0\)$/.test(String(kept['column'])),
      String(kept['column']),
    ),
  ],
};

/** MUST-26. */
const outstanding: Act = {
  name: 'data-outstanding',
  title: { en: 'While data is unacknowledged there are no probes', zh: '有未确认的数据时不探测' },
  services: QUICK,
  stack: { tlp: 'off' },
  auto: async (stage) => {
    await stage.nc(2005);
    await stage.until('S ESTABLISHED');
    await stage.wait(100);
    await stage.cutCable();
    await stage.app('c1').write('unanswered\n');
    await stage.wait(3500);
  },
  expect: `
    ${OPEN}
    S>K PSH,ACK 1:12 ack 1 LOST
    strict S>K PSH,ACK 1:12 ack 1 LOST RETRANS
    strict S>K PSH,ACK 1:12 ack 1 LOST RETRANS
    strict S>K PSH,ACK 1:12 ack 1 LOST RETRANS
    ...
    never S>K ACK 0
  `,
  check: ({ events }) => [
    point(
      'Only retransmissions for three seconds and a half, though idle was one second',
      '三秒半里只有重传，尽管空闲时间设为一秒',
      segments(events, 'S', 'ACK').filter(({ len }) => len > 0).length >= 4,
    ),
  ],
};

/** The other way round: K's own, as netstat shows it there. */
const kernel: Act = {
  name: 'k-probes',
  title: { en: 'The mirror: K probes, S answers', zh: '镜像：K 探测，S 回答' },
  auto: async (stage) => {
    const socket = await stage.socket({ connect: 2002, keepAlive: { idle: 1, interval: 1, count: 3 } });
    await stage.until('S ESTABLISHED');
    await stage.wait(200);
    stage.keep('K', (await stage.kernelSockets())[0]?.timer?.name ?? 'off');
    await stage.until('K>S ACK 0', { timeout: 4000 });
    await stage.wait(50);
    await socket.abort();
    await stage.until('S CLOSED');
  },
  expect: `
    ${OPEN}
    K>S ACK 0 ack 1               ; S ESTABLISHED
    strict S>K ACK 1 ack 1
    ...
    K>S RST,ACK 1 ack 1           ; S CLOSED
  `,
  check: ({ events, kept }) => [
    point('ss shows the timer as keepalive', 'ss 显示定时器为 keepalive', kept['K'] === 'keepalive'),
    point(
      'S answered a segment that lies left of its window: that is all that the probe relies on',
      'S 回答了一个位于窗口左侧的报文段：探测依靠的就是这一点',
      happened(events, 'seg:judged').some(({ data }) => String(data['reason']).includes('OLD')),
    ),
  ],
};

const off: Act = {
  name: 'off',
  title: { en: 'Off unless asked for, and then two hours away', zh: '默认关闭；打开后也要两小时' },
  auto: async (stage) => {
    await stage.nc(7);
    await stage.until('S ESTABLISHED');
    await stage.wait(100);
    stage.keep('without', await column(stage));
    await stage.configure({ keepalive: 'on' });
    await stage.nc(7);
    await stage.until('c2 S ESTABLISHED');
    await stage.wait(100);
    stage.keep('with', await column(stage));
  },
  expect: `
    ...
    c2 S ESTABLISHED
    ...
  `,
  check: ({ kept }) => [
    point('No timer without it (MUST-25)', '没有要求就没有定时器（MUST-25）', kept['without'] === 'off'),
    point(
      'With it the first probe is two hours away (MUST-28)',
      '打开后，第一次探测在两小时之后（MUST-28）',
      /^keepalive \((7199|7200)/.test(String(kept['with'])),
      String(kept['with']),
    ),
  ],
};

export default lab({
  id: 'half-open/keepalive',
  level: 2,
  minutes: 4,
  answers: ['B54', 'B41', 'B57'],
  rfc: ['RFC 9293 §3.8.4', 'RFC 9293 §3.10.7.4'],
  code: ['src/tcp/timers/keep-alive.ts', 'src/tcp/input/1-sequence.ts'],
  title: { en: 'Keep-alive', zh: 'keepalive：保活定时器' },
  question: {
    en: 'S probes an idle connection. What does a probe look like, why must K answer it, and when does S give up?',
    zh: 'S 探测空闲的连接。探测报文是什么样子？K 为什么必须回答？S 什么时候放弃？',
  },
  type: {
    any: [
      { run: 'nc 10.9.0.2 2005' },
      { run: 'fourwave ss -o', terminal: 2 },
      { wait: { en: 'a probe has been answered', zh: '一次探测得到回答' }, until: 'S>K ACK 0\nK>S ACK 1' },
      { run: 'fourwave fault add cut both', terminal: 2 },
    ],
  },
  acts: [cut, rebooted, oneLost, outstanding, kernel, off],
  predict: {
    ask: { en: 'Which sequence number does a probe carry?', zh: '探测报文带什么序号？' },
    choices: [
      { en: 'SND.NXT: the next one', zh: 'SND.NXT：下一个' },
      { en: 'SND.NXT − 1: one that is acknowledged already', zh: 'SND.NXT − 1：已经被确认过的' },
      { en: '0, always', zh: '总是 0' },
    ],
    right: 1,
    why: {
      en:
        'A segment left of the window must be answered by an ACK. With SND.NXT and no data it ' +
        'would be a plain ACK: no answer.',
      zh: '位于窗口左侧的报文段必须用 ACK 回答。若用 SND.NXT 又不带数据，就只是普通的 ACK：没有人会回答。',
    },
  },
  narrate: [
    {
      when: 'S>K ACK 0 ack 1',
      say: {
        en: 'A probe: an ACK with a number that K has acknowledged long ago. K has to say where it is.',
        zh: '一次探测：带着 K 早已确认过的序号的 ACK。K 必须说明自己到了哪里。',
      },
    },
    {
      when: 'S>K RST,ACK 1 ack 1 LOST',
      say: {
        en: 'Three probes without an answer: S gives up. Its RST is lost like all the rest, and K will never know.',
        zh: '三次探测没有回答：S 放弃。它的 RST 和其他一样丢失，K 永远不会知道。',
      },
    },
  ],
  explain: {
    en: `A probe is a segment without data and with SEG.SEQ = SND.NXT − 1. It lies left of the peer's window, so
the first check of RFC 9293 §3.10.7.4 throws it away and sends an ACK: that ACK is all that is wanted. An answer
proves that the other kernel has the connection, and nothing about the program behind it (see "heartbeat"). A RST
proves that it has not. Silence proves nothing by itself, for ACKs are not sent reliably (MUST-29): here three
probes have to go unanswered.

Probes are sent only when nothing is outstanding (MUST-26): with data under way retransmission finds out. The
option is off unless the program asks for it (MUST-25), and then waits at least two hours (MUST-28). Linux: 7200 s,
then nine probes 75 s apart. That is why one sets TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT; the service at port
2005 does: 2 s, 1 s, 3.`,
    zh: `探测报文不带数据，SEG.SEQ = SND.NXT − 1。它位于对方窗口左侧，所以 RFC 9293 §3.10.7.4 的第一步检查把它丢掉并回一个 ACK:
要的就是这个 ACK。有回答，说明对方内核还有这个连接，但说明不了它背后的程序（见 "heartbeat"）。回 RST，说明它已经没有了。
沉默本身什么也不能说明，因为 ACK 的传递并不可靠（MUST-29）：这里要三次探测都没有回答才放弃。

只有没有未确认的数据时才探测（MUST-26）：有数据在途，重传自然会发现。除非程序要求，它是关闭的（MUST-25），
打开后至少等两小时（MUST-28）。Linux:7200 秒，之后九次探测，每次相隔 75 秒。所以人们要设置 TCP_KEEPIDLE、TCP_KEEPINTVL
和 TCP_KEEPCNT;2005 端口的服务就是这样：2 秒、1 秒、3 次。`,
  },
  next: ['half-open/heartbeat', 'half-open/leak', 'half-open/reconnect'],
  broken: {
    what: 'S gives up after a single probe without an answer (against MUST-29).',
    act: 'two-lost',
    services: { ka: { keepAlive: { idle: 1000, interval: 1000, count: 1 } } },
  },
});
