/** ack/delayed: an ACK waits for company, but not for long. */

import { rungsOf } from '../../expect/rungs.ts';
import { type Act, lab } from '../../lab.ts';
import { check, timerEvents } from '../toolkit.ts';

const DELAYING = { timestamps: 'off', 'ack.policy': 'delay', 'ack.delay': '200ms' } as const;
const SEGMENT = 1460;

const alone: Act = {
  name: 'alone',
  title: {
    en: 'Nothing to go with: the ACK goes alone, after its delay',
    zh: '没有可搭的数据：ACK 延迟之后独自出发',
  },
  stack: DELAYING,
  kernel: { tcp_timestamps: 0 },
  auto: async (stage) => {
    const nc = await stage.nc(9, { N: true });
    await stage.until('S ESTABLISHED');
    await nc.type('hello');
    await stage.until('S>K ACK 1 ack 7');
    await stage.wait(50);
    await nc.eof();
    await nc.exited();
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1:7 ack 1             ; timer S.delayed-ack armed 200ms
    strict S>K ACK 1 ack 7        within 150ms..250ms
    K>S FIN,ACK 7 ack 1
    S>K FIN,ACK 1 ack 8
    K>S ACK 8 ack 2`,
  check: ({ events }) => [
    check(
      ['its timer fired: nothing else came', '定时器到期：没有别的数据可搭'],
      timerEvents(events, 'delayed-ack').join().startsWith('set,fire'),
      timerEvents(events, 'delayed-ack').join(', '),
    ),
  ],
};

const second: Act = {
  name: 'every-second',
  title: { en: 'Two full segments: an ACK at once (SHLD-19)', zh: '两个整段：立即 ACK(SHLD-19)' },
  stack: DELAYING,
  kernel: { tcp_timestamps: 0 },
  auto: async (stage) => {
    const socket = await stage.socket({ connect: 9 });
    await stage.until('S ESTABLISHED');
    await socket.send('x'.repeat(2 * SEGMENT));
    await stage.until(`S>K ACK 1 ack ${2 * SEGMENT + 1}`);
    await stage.wait(300);
    await socket.close();
    await stage.until('S CLOSED');
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1:1461 ack 1
    K>S ACK 1461:2921 ack 1
    strict S>K ACK 1 ack 2921     within 0ms..40ms
    K>S FIN,ACK 2921 ack 1
    S>K FIN,ACK 1 ack 2922
    K>S ACK 2922 ack 2`,
  check: ({ events }) => [
    check(
      ['no timer fired before the end', '结束之前没有定时器到期'],
      !timerEvents(events, 'delayed-ack').includes('fire'),
      timerEvents(events, 'delayed-ack').join(', '),
    ),
  ],
};

const piggyback: Act = {
  name: 'piggyback',
  title: {
    en: 'The application answers in time: the ACK rides on its data',
    zh: '应用程序及时回答：ACK 搭乘数据',
  },
  stack: DELAYING,
  kernel: { tcp_timestamps: 0 },
  auto: async (stage) => {
    const nc = await stage.nc(7, { N: true });
    await stage.until('S ESTABLISHED');
    for (const letter of ['a', 'b', 'c']) {
      await nc.type(letter);
      await nc.saw(`${letter}\n`);
      await stage.wait(60);
    }
    await nc.eof();
    await nc.exited();
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1:3 ack 1
    strict S>K ACK 1:3 ack 3
    K>S ACK 3:5 ack 3
    strict S>K ACK 3:5 ack 5
    K>S ACK 5:7 ack 5
    strict S>K ACK 5:7 ack 7
    K>S FIN,ACK 7 ack 7
    S>K FIN,ACK 7 ack 8
    K>S ACK 8 ack 8`,
  check: ({ events }) => [
    check(
      ['S sent no bare ACK at all', 'S 没有发送过一个纯 ACK'],
      rungsOf(events).every(({ from, len, flags }) => from === 'K' || len > 0 || flags.length > 1),
    ),
  ],
};

/** Single bytes to and fro, with everything as it comes: both sides acknowledge quickly at first. */
const pingPong: Act = {
  name: 'ping-pong',
  title: { en: 'Single bytes to and fro, both ends as they are', zh: '单字节来回，双方均为默认设置' },
  stack: { timestamps: 'off' },
  kernel: { tcp_timestamps: 0 },
  auto: async (stage) => {
    const socket = await stage.socket({ connect: 9 });
    await stage.until('S ESTABLISHED');
    for (let round = 1; round <= 4; round++) {
      await socket.send('k');
      await stage.until(`K>S any ${round}:${round + 1}`);
      await stage.wait(60);
      await stage.app('c1').write('s');
      await stage.until(`S>K any ${round}:${round + 1}`);
      await stage.wait(60);
    }
    await socket.close();
    await stage.until('S CLOSED');
  },
  check: ({ events }) => {
    const rungs = rungsOf(events);
    const late = rungs
      .filter(({ len }) => len > 0)
      .map((data) => {
        const ack = rungs.find(({ from, ack: number, t }) => {
          return from !== data.from && t >= data.t && (number ?? 0) >= data.seq + data.len;
        });
        return ack === undefined ? Number.POSITIVE_INFINITY : (ack.t - data.t) * 1000;
      });
    return [
      check(
        [
          'every byte was acknowledged within half a second (MUST-40)',
          '每个字节都在半秒内得到确认（MUST-40）',
        ],
        late.length === 8 && late.every((ms) => ms < 500),
        late.map((ms) => `${ms.toFixed(1)} ms`).join(', '),
      ),
    ];
  },
};

export default lab({
  id: 'ack/delayed',
  level: 4,
  minutes: 3,
  answers: ['B59', 'B31'],
  rfc: ['RFC 9293 §3.8.6.3', 'RFC 5681 §4.2'],
  code: ['src/tcp/receive/ack-policy.ts'],
  title: { en: 'An ACK waits for company', zh: 'ACK 等待同伴' },
  question: {
    en: 'Data has arrived. When does the receiver acknowledge it: at once, or does it wait, and for what?',
    zh: '数据到了。接收方何时确认：立即，还是等待？等什么？',
  },
  type: {
    any: [
      { run: 'nc -N 10.9.0.2 9' },
      { line: 'hello' },
      { wait: { en: 'the ACK, after 200 ms', zh: '200 毫秒之后的 ACK' }, until: 'S>K ACK 1 ack 7' },
      { key: 'Ctrl-D' },
    ],
  },
  predict: {
    ask: {
      en: 'K sends one line to echo. How many segments does S send until K has the echo?',
      zh: 'K 向 echo 发送一行。到 K 收到回显为止，S 发送几个报文段？',
    },
    choices: [
      { en: 'one: the echo, which carries the ACK', zh: '一个：回显，它捎带 ACK' },
      { en: 'two: the ACK, then the echo', zh: '两个：先 ACK，再回显' },
    ],
    right: 0,
    why: {
      en: 'Every segment carries an ACK number. If data goes out in time, no bare ACK is needed.',
      zh: '每个报文段都带 ACK 号。只要及时有数据要发，就不需要纯 ACK。',
    },
  },
  acts: [alone, second, piggyback, pingPong],
  explain: {
    en: `A bare ACK costs a packet. So TCP waits for data that goes the same way (piggyback), for a window
update, or for a second segment: but less than half a second (MUST-40), and at least every second full-sized segment is
acknowledged at once (SHLD-19), for the sender's window grows by ACKs.

Linux, and our default, wait 40 ms, and not at all early in a connection ("quick ACK"), so that slow start is fast:
the last act. It is this wait, too, that lets three waves do where four are expected: see close/three-waves.`,
    zh: `纯 ACK 要花一个包，说明的却很少。所以 TCP 等待同方向的数据（捎带）、窗口更新或第二个报文段：但少于半秒（MUST-40），而且至少
每两个整段立即确认一次（SHLD-19），因为发送方的窗口靠 ACK 增长。

Linux 和我们的默认等待 40 毫秒，连接初期则完全不等（"quick ACK"），好让慢启动更快：最后一幕。也正是这种等待，使四次挥手变成
三次成为可能：见 close/three-waves。`,
  },
  next: ['ack/nagle', 'close/three-waves'],
  broken: {
    what: 'S acknowledges everything at once.',
    act: 'alone',
    stack: { 'ack.delay': '0ms' },
  },
});
