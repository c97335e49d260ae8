/** ack/nagle: small data waits while small data is under way. */

import { type Act, lab } from '../../lab.ts';
import { check } from '../toolkit.ts';

/** A way that takes time, so that something is under way. */
const FAR = ['delay both 150ms'];
const LETTERS = ['a', 'b', 'c', 'd'];

const nagle: Act = {
  name: 'nagle',
  title: { en: 'Four letters, two segments', zh: '四个字母，两个报文段' },
  stack: { timestamps: 'off' },
  kernel: { tcp_timestamps: 0 },
  faults: FAR,
  auto: async (stage) => {
    const socket = await stage.socket({ connect: 9 });
    await stage.until('S ESTABLISHED');
    for (const letter of LETTERS) {
      await socket.send(letter);
      await stage.wait(3);
    }
    await stage.until('S>K any 1 ack 5');
    await stage.wait(200);
    stage.keep('received', stage.service('discard').received);
    await socket.close();
    await stage.until('S CLOSED');
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    ...
    K>S ACK 1:2 ack 1
    S>K ACK 1 ack 2
    K>S ACK 2:5 ack 1
    S>K ACK 1 ack 5
    K>S FIN,ACK 5 ack 1
    ...`,
  check: ({ kept }) => [
    check(['all four arrived', '四个都到了'], kept['received'] === 'abcd', String(kept['received'])),
  ],
};

const noDelay: Act = {
  ...nagle,
  name: 'no-delay',
  title: { en: 'With TCP_NODELAY: four segments', zh: '设置 TCP_NODELAY：四个报文段' },
  auto: async (stage) => {
    const socket = await stage.socket({ connect: 9, noDelay: true });
    await stage.until('S ESTABLISHED');
    for (const letter of LETTERS) {
      await socket.send(letter);
      await stage.wait(3);
    }
    await stage.until('S>K any 1 ack 5');
    await stage.wait(200);
    stage.keep('received', stage.service('discard').received);
    await socket.close();
    await stage.until('S CLOSED');
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    ...
    K>S ACK 1:2 ack 1
    K>S ACK 2:3 ack 1
    K>S ACK 3:4 ack 1
    K>S ACK 4:5 ack 1
    ...
    K>S FIN,ACK 5 ack 1
    ...`,
};

/** Our side: the same rule, the same option. */
function ours(name: string, off: boolean): Act {
  return {
    name,
    title: off
      ? { en: 'S with TCP_NODELAY: four segments', zh: 'S 设置 TCP_NODELAY：四个报文段' }
      : { en: 'S sends: four letters, two segments', zh: 'S 发送：四个字母，两个报文段' },
    stack: { timestamps: 'off' },
    kernel: { tcp_timestamps: 0 },
    services: { discard: { noDelay: off } },
    faults: FAR,
    auto: async (stage) => {
      const nc = await stage.nc(9, { N: true });
      await stage.until('S ESTABLISHED');
      await stage.wait(20);
      const app = stage.app('c1');
      for (const letter of LETTERS) {
        await app.write(letter);
        await stage.wait(3);
      }
      await nc.saw('abcd');
      await stage.wait(100);
      await nc.eof();
      await nc.exited();
    },
    expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    ...
    S>K ACK 1:2 ack 1
    ${off ? 'S>K ACK 2:3 ack 1\n    S>K ACK 3:4 ack 1\n    S>K ACK 4:5 ack 1' : 'S>K ACK 2:5 ack 1'}
    K>S FIN,ACK 1 ack 5
    ...`,
    check: ({ programs }) => [check(['nc printed abcd', 'nc 打印 abcd'], programs[0]?.printed === 'abcd')],
  };
}

/** Two rules that are good alone: the writer waits for the ACK, the ACK waits for company. */
const deadlock: Act = {
  name: 'nagle-meets-delayed-ack',
  title: {
    en: 'Nagle meets delayed ACK: write, write, and 200 ms of nothing',
    zh: 'Nagle 遇上延迟 ACK：写，再写，然后是 200 毫秒的空白',
  },
  stack: { timestamps: 'off', 'ack.policy': 'delay', 'ack.delay': '200ms' },
  kernel: { tcp_timestamps: 0 },
  auto: async (stage) => {
    const socket = await stage.socket({ connect: 9 });
    await stage.until('S ESTABLISHED');
    await socket.send('head');
    await stage.wait(3);
    await socket.send('tail');
    await stage.until('K>S any 5:9');
    await stage.wait(300);
    await socket.close();
    await stage.until('S CLOSED');
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1:5 ack 1
    strict S>K ACK 1 ack 5       within 150ms..250ms
    strict K>S ACK 5:9 ack 1     within 0ms..20ms
    S>K ACK 1 ack 9
    K>S FIN,ACK 9 ack 1
    S>K FIN,ACK 1 ack 10
    K>S ACK 10 ack 2`,
};

export default lab({
  id: 'ack/nagle',
  level: 4,
  minutes: 4,
  answers: ['B59'],
  rfc: ['RFC 9293 §3.7.4', 'RFC 896 §1', 'RFC 9293 §3.8.6.3'],
  code: ['src/tcp/output/transmit.ts', 'src/tcp/output/usable-window.ts'],
  title: { en: 'Nagle: one small segment at a time', zh: 'Nagle：一次只有一个小报文段在路上' },
  question: {
    en: 'A program writes one letter after the other. Does each become a segment of its own?',
    zh: '程序一个字母一个字母地写。每个字母都成为一个报文段吗？',
  },
  type: {
    any: [
      { run: '(for x in a b c d; do printf $x; sleep 0.003; done; sleep 1) | nc -N 10.9.0.2 9' },
      { run: 'fourwave ladder', terminal: 2 },
    ],
  },
  predict: {
    ask: {
      en: 'Four letters are written, 3 ms apart; the round trip is 300 ms. How many segments with data?',
      zh: '写四个字母，间隔 3 毫秒；往返 300 毫秒。有几个带数据的报文段？',
    },
    choices: [
      { en: 'one', zh: '一个' },
      { en: 'two', zh: '两个' },
      { en: 'four', zh: '四个' },
    ],
    right: 1,
    why: {
      en: 'The first goes at once, for nothing is under way. The others wait for its ACK, and go together.',
      zh: '第一个立即发出，因为路上什么也没有。其余的等它的 ACK，然后一起发出。',
    },
  },
  narrate: [
    {
      when: 'K>S any 2:5',
      say: {
        en: 'The ACK of the first letter lets the three others go, in one segment.',
        zh: '第一个字母的 ACK 放行其余三个，合成一个报文段。',
      },
    },
  ],
  acts: [nagle, noDelay, ours('ours', false), ours('ours-no-delay', true), deadlock],
  explain: {
    en: `A letter in its own segment costs forty bytes of headers. Nagle's rule (RFC 896, SHLD-7): while something is
unacknowledged, data that does not fill a segment waits. On a fast way nobody notices; on a slow one the letters of a
round trip go together. TCP_NODELAY switches it off (MUST-17).

The last act is where it hurts: a program writes its request in two pieces and then waits for the answer. The second
piece waits for the ACK of the first (Nagle), and that ACK waits for company (delayed ACK): nothing moves until the
timer of the ACK fires. The cure is to write the request in one piece.`,
    zh: `一个字母单独成段要花四十字节首部。Nagle 规则（RFC 896,SHLD-7）：只要还有未确认的数据，填不满一个报文段的数据就等待。路快时
没人察觉；路慢时，同一往返时间内的字母合在一起发送。TCP_NODELAY 可以关闭它（MUST-17）。

最后一幕是它的痛处：程序把请求分两次写，然后等待回答。第二部分等第一部分的 ACK(Nagle)，而那个 ACK 在等同伴（延迟 ACK）：
在 ACK 的定时器到期之前什么也不动。办法是一次写完整个请求。`,
  },
  next: ['win/silly', 'ack/delayed'],
  broken: {
    what: 'S sends every letter at once.',
    act: 'ours',
    services: { discard: { noDelay: true } },
  },
});
