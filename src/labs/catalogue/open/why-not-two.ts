/** open/why-not-two: a SYN from somebody who is gone, with and without the third segment. */

import { type Act, lab, type Setting } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import type { Stage } from '../../stage.ts';
import { happened, pathOf, point, statesOfS } from './points.ts';

/** The first SYN is held; what K says after it has no way through. */
const LATE = ['hold in where syn first as old1', 'drop in where syn'];
const GONE = [...LATE, 'drop in where rst'];

/** Ten minutes; with the real kernel as long as one wants to wait. */
const AGES = 600_000;

/** nc gives up, and only then its SYN arrives. */
async function lateSyn(stage: Stage, port: number): Promise<void> {
  const nc = await stage.nc(port, { wait: 1, localPort: 40_000 });
  await nc.exited();
  stage.keep('nc', nc.exit?.code);
  stage.step({
    en: 'nc has given up. Now the network delivers its SYN.',
    zh: 'nc 已经放弃。现在网络才把它的 SYN 送到。',
  });
  const since = stage.mark();
  await stage.release('old1');
  await stage.until('K>S SYN', { since });
  await stage.wait(100);
  stage.keep('soon', await statesOfS(stage));
}

async function afterAges(stage: Stage): Promise<void> {
  await stage.wait(stage.mode === 'sim' ? AGES : 2500);
  stage.keep('late', await statesOfS(stage));
  stage.keep('accepted', happened(stage.log, 'app:accept').length);
}

/** S, waiting in SYN-RECEIVED: a second and a half until it gives up. */
const QUICK: Setting = { stack: { 'rto.initial': '300ms', 'retries.synAck': 2 } };
const twoWay: Setting = { stack: { 'lab.handshake': 'two-way', ...QUICK.stack } };

const acceptedOf = ({ kept }: ActReport): number => Number(kept['accepted']);

const gaveUp = ({ kept }: ActReport): CheckLine =>
  point('nc had given up before its SYN arrived', 'nc 在 SYN 到达之前已经放弃', kept['nc'] === 1);

const three: Act = {
  name: 'three-way',
  title: { en: 'Three segments; the host is gone', zh: '三次；主机已经不在' },
  ...QUICK,
  faults: GONE,
  auto: async (stage) => {
    await lateSyn(stage, 7);
    await stage.until('closed timeout-r2');
    await afterAges(stage);
  },
  expect: `
    K>S SYN 0 HELD
    ? K>S SYN 0 LOST
    K>S SYN 0                     ; S SYN-RECEIVED  timer S.syn-ack armed 300ms
    S>K SYN,ACK 0 ack 1
    K>S RST 1 LOST
    S>K SYN,ACK 0 ack 1 RETRANS within 270ms..330ms
    K>S RST 1 LOST
    S>K SYN,ACK 0 ack 1 RETRANS within 570ms..630ms
    K>S RST 1 LOST
    closed timeout-r2 within 1100ms..1300ms
    never app accept
  `,
  check: (report) => [
    gaveUp(report),
    point(
      'S waited in SYN-RECEIVED, with a timer',
      'S 在 SYN-RECEIVED 等待，有定时器',
      report.kept['soon'] === 'SYN-RECEIVED (syn-ack)',
      String(report.kept['soon']),
    ),
    point('Nothing is left of it', '什么也没有留下', report.kept['late'] === '', String(report.kept['late'])),
    point('The application never heard of it', '应用程序从未听说', acceptedOf(report) === 0),
  ],
};

const two: Act = {
  name: 'two-way',
  title: { en: 'Two segments; the host is gone', zh: '两次；主机已经不在' },
  ...twoWay,
  faults: GONE,
  auto: async (stage) => {
    await lateSyn(stage, 7);
    await afterAges(stage);
  },
  expect: `
    K>S SYN 0 HELD
    ? K>S SYN 0 LOST
    K>S SYN 0                     ; S ESTABLISHED  app accept
    S>K SYN,ACK 0 ack 1
    K>S RST 1 LOST
    silence 2s
    never S CLOSED
    never event timer:fire
  `,
  check: (report) => [
    gaveUp(report),
    point(
      'A phantom is left, and no timer runs that would ever remove it',
      '留下一个幽灵连接，没有任何定时器会清除它',
      report.kept['late'] === 'ESTABLISHED',
      report.mode === 'sim'
        ? `after ten minutes: ${String(report.kept['late'])}`
        : String(report.kept['late']),
    ),
    point(
      'The application accepted it, and waits for a line from nobody',
      '应用程序接受了它，在等一个不存在的人说话',
      acceptedOf(report) === 1,
    ),
  ],
};

const greeting: Act = {
  name: 'two-way-greeting',
  title: { en: 'Two segments; the server speaks first', zh: '两次；服务器先发言' },
  ...twoWay,
  faults: GONE,
  auto: async (stage) => {
    await lateSyn(stage, 13);
    await stage.wait(1500);
    stage.keep('late', await statesOfS(stage));
    stage.keep('accepted', happened(stage.log, 'app:accept').length);
  },
  expect: `
    K>S SYN 0 HELD
    ? K>S SYN 0 LOST
    K>S SYN 0                     ; S ESTABLISHED  app accept  app write
    S>K SYN,ACK 0 ack 1
    ...
    S>K FIN,ACK n ack 1           ; S FIN-WAIT-1
    ...
    never K>S ACK
  `,
  check: (report) => [
    gaveUp(report),
    point(
      'S has written a greeting to nobody, and closed',
      'S 给不存在的人写了问候，并已关闭',
      happened(report.events, 'app:write').length === 1 &&
        String(report.kept['late']).startsWith('FIN-WAIT-1'),
      String(report.kept['late']),
    ),
  ],
};

/** Second page: K is still there, only its nc is gone. */
const threeAnswered: Act = {
  name: 'three-way-answered',
  title: { en: 'Three segments; K is there and says RST', zh: '三次；K 还在，回答 RST' },
  ...QUICK,
  faults: LATE,
  auto: async (stage) => {
    await lateSyn(stage, 7);
    await afterAges(stage);
  },
  expect: `
    K>S SYN 0 HELD
    ? K>S SYN 0 LOST
    K>S SYN 0                     ; S SYN-RECEIVED
    strict S>K SYN,ACK 0 ack 1
    strict K>S RST 1              ; S LISTEN  timer S.syn-ack cancelled
    never app accept
  `,
  check: (report) => [
    point('Gone at once', '立刻消失', report.kept['soon'] === ''),
    point('The application never heard of it', '应用程序从未听说', acceptedOf(report) === 0),
  ],
};

const twoAnswered: Act = {
  name: 'two-way-answered',
  title: { en: 'Two segments; K is there and says RST', zh: '两次；K 还在，回答 RST' },
  ...twoWay,
  faults: LATE,
  auto: async (stage) => {
    await lateSyn(stage, 7);
    await afterAges(stage);
  },
  expect: `
    K>S SYN 0 HELD
    ? K>S SYN 0 LOST
    K>S SYN 0                     ; S ESTABLISHED  app accept
    strict S>K SYN,ACK 0 ack 1
    strict K>S RST 1              ; S CLOSED  closed reset-by-peer
  `,
  check: (report) => [
    point('Gone at once', '立刻消失', report.kept['soon'] === ''),
    point(
      'But the application had been told: accepted, and reset',
      '但应用程序已经被告知：先接受，后被重置',
      acceptedOf(report) === 1,
      pathOf(report.events, 'c1'),
    ),
  ],
};

export default lab({
  id: 'open/why-not-two',
  level: 3,
  minutes: 5,
  answers: ['B9', 'B10'],
  rfc: ['RFC 9293 §3.5', 'RFC 9293 §3.10.7.4', 'RFC 6298 §5'],
  code: ['src/tcp/input/listen.ts', 'src/tcp/compact/syn-table.ts', 'src/tcp/timers/expire.ts'],
  title: { en: 'Why are two segments not enough?', zh: '为什么两次握手不够？' },
  question: {
    en:
      'The network delivers a SYN after its sender has given up. What becomes of it with three ' +
      'segments, and what would become of it with two?',
    zh: '发送方放弃之后，网络才把 SYN 送到。三次握手时会怎样？如果只有两次握手，又会怎样？',
  },
  type: {
    'nc.openbsd': [
      { run: 'nc -w 1 -p 40000 10.9.0.2 7' },
      { wait: { en: 'nc has given up', zh: 'nc 已放弃' }, ms: 1500 },
      { run: 'fourwave release old1' },
      { run: 'fourwave ss' },
    ],
    any: [
      { run: 'timeout 1 nc -p 40000 10.9.0.2 7' },
      { run: 'fourwave release old1' },
      { run: 'fourwave ss' },
    ],
  },
  acts: [three, two, greeting, threeAnswered, twoAnswered],
  predict: {
    ask: {
      en: 'With two segments, how long does S keep the connection with nobody?',
      zh: '只有两次握手时，S 会把这个空连接保留多久？',
    },
    choices: [
      { en: 'until its SYN,ACK has been sent a few times', zh: '直到 SYN,ACK 重发几次之后' },
      { en: '2 MSL', zh: '2MSL' },
      { en: 'for ever', zh: '永远' },
    ],
    right: 2,
    why: {
      en: 'It is ESTABLISHED, everything has been sent, no timer runs. Only keep-alive could find out.',
      zh: '它是 ESTABLISHED，该发的都发了，没有定时器在跑。只有 keepalive 才能发现。',
    },
  },
  narrate: [
    {
      when: 'K>S SYN ; S ESTABLISHED',
      say: {
        en:
          'With two segments the SYN alone is a connection: the application is told at once. There ' +
          'is nobody at the other end.',
        zh: '两次握手时，单凭一个 SYN 就算连接：应用程序立刻得到通知。可是另一端没有人。',
      },
    },
    {
      when: 'S>K SYN,ACK ; S SYN-RECEIVED',
      say: {
        en: 'The old SYN. S answers, and waits for the third segment with a timer.',
        zh: '旧的 SYN 到了。S 回答，并带着定时器等第三个报文段。',
      },
    },
    {
      when: 'K>S RST LOST',
      say: {
        en: "K's RST would put it right, but the host is gone: we lose it.",
        zh: 'K 的 RST 本可以纠正，但主机已经不在：我们把它丢掉。',
      },
    },
  ],
  explain: {
    en: `A SYN can be late: its sender has long given up, or started anew. S cannot tell from the SYN. The third
segment is the proof: only one who is there now and knows S's number y can send ack = y + 1. Until then S keeps a
small record in SYN-RECEIVED with a timer; it sends its SYN,ACK again 1, 3, 7 … seconds later (here 0.3 and 0.9),
gives up, and no application has been bothered.

With two segments S would be ESTABLISHED with the SYN. "S waits for confirmation", as some texts say, is the
three-segment case; with two there is nothing to wait for: the application is told, no timer runs, and nothing
would ever clean it up. If K is still there its RST ends it at once in both cases; but with two the application
has been told of a connection that never was. When it speaks first it even sends data to nobody, until it has
given up sending again.`,
    zh: `SYN 可能迟到：发送方早已放弃，或者重新开始了。S 从 SYN 本身看不出来。第三个报文段就是证明：
只有现在在场、并且知道 S 的序号 y 的人，才能发出 ack = y + 1。在此之前 S 只在 SYN-RECEIVED 保留一个小记录，带着定时器；
它在 1、3、7……秒后（这里是 0.3 和 0.9 秒）重发 SYN,ACK，然后放弃，没有打扰任何应用程序。

只有两次的话，S 收到 SYN 就是 ESTABLISHED。有的教材说"S 一直等待确认"，那其实是三次握手的情形；两次时没有什么可等：
应用程序已被告知，没有定时器在跑，永远不会有什么来清理它。如果 K 还在，它的 RST 在两种情况下都能立刻了结；
但两次时，应用程序已经被告知一个从未存在的连接。如果它先发言，甚至会把数据发给不存在的人，直到重发够了才放弃。`,
  },
  next: ['open/old-duplicate-syn', 'open/why-not-four', 'half-open/cable-cut'],
  broken: {
    what: 'S opens with two segments where three are asked for.',
    act: 'three-way',
    stack: { 'lab.handshake': 'two-way' },
  },
});
