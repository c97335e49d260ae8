/** data/reorder: a segment overtakes another. */

import { rungsOf } from '../../expect/rungs.ts';
import { type Act, lab } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import { check } from '../toolkit.ts';

const FIRST = 'first ';
const SECOND = 'second\n';

const inOrder = ({ kept }: ActReport): CheckLine =>
  check(
    ['the application read "first second"', '应用程序读到的是 "first second"'],
    kept['received'] === FIRST + SECOND,
    JSON.stringify(kept['received']),
  );

/** The held one comes by twice: when it is held, and when it goes on. */
const segments = ({ events }: ActReport): number =>
  rungsOf(events).filter(({ from, len }) => from === 'K' && len > 0).length;

const swapped: Act = {
  name: 'swapped',
  title: { en: 'Two segments change places', zh: '两个报文段交换位置' },
  stack: { timestamps: 'off' },
  kernel: { tcp_timestamps: 0 },
  // A long way: what is a little late has not been missed yet.
  faults: ['hold in where data first as one', 'delay both 150ms'],
  auto: async (stage) => {
    const socket = await stage.socket({ connect: 9, noDelay: true });
    await stage.until('S ESTABLISHED');
    await socket.send(FIRST);
    await stage.wait(1);
    await socket.send(SECOND);
    await stage.until('K>S any 7:14 QUEUED');
    await stage.wait(1);
    await stage.release('one');
    await stage.until('S>K any 1 ack 14');
    await stage.wait(400);
    stage.keep('received', stage.service('discard').received);
    await socket.close();
    await stage.until('S CLOSED');
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    ...
    K>S ACK 1:7 ack 1 HELD
    K>S ACK 7:14 ack 1 QUEUED
    S>K ACK 1 ack 1 sack 7-14
    K>S ACK 1:7 ack 1
    S>K ACK 1 ack 14
    ? K>S ACK 1:7 ack 1 DUPLICATE
    K>S FIN,ACK 14 ack 1
    ...`,
  check: (report) => [
    inOrder(report),
    check(
      ['nothing was sent twice', '没有任何数据被重发'],
      // A real machine that is busy may take longer than the kernel waits.
      segments(report) === 2 + 1 || report.mode === 'real',
      `${segments(report)} segments`,
    ),
  ],
};

const tooLate: Act = {
  ...swapped,
  name: 'too-late',
  title: {
    en: 'The first comes so late that it is taken for lost: it comes twice',
    zh: '第一个来得太迟，被当作丢失：于是来了两次',
  },
  faults: ['delay in where data 700ms times 1', 'delay both 40ms'],
  auto: async (stage) => {
    const socket = await stage.socket({ connect: 9, noDelay: true });
    await stage.until('S ESTABLISHED');
    await socket.send(FIRST);
    await stage.wait(1);
    await socket.send(SECOND);
    await stage.wait(1000);
    stage.keep('received', stage.service('discard').received);
    await socket.close();
    await stage.until('S CLOSED');
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    ...
    K>S ACK 7:14 ack 1 QUEUED
    strict S>K ACK 1 ack 1 sack 7-14
    K>S ACK 1:7 ack 1
    S>K ACK 1 ack 14
    K>S ACK 1:7 ack 1 DELAYED DUPLICATE
    strict S>K ACK 1 ack 14 sack 1-7
    K>S FIN,ACK 14 ack 1
    ...`,
  check: (report) => [
    inOrder(report),
    check(
      ['D-SACK told K that it had been wrong', 'D-SACK 告诉 K：它判断错了'],
      rungsOf(report.events).some(({ sack }) => sack.some(([left, right]) => left === 1 && right === 7)),
    ),
  ],
};

export default lab({
  id: 'data/reorder',
  level: 4,
  minutes: 2,
  answers: ['B59'],
  rfc: ['RFC 9293 §3.10.7.4', 'RFC 2018 §4', 'RFC 8985 §6'],
  code: ['src/tcp/receive/holes.ts', 'src/tcp/input/7-text.ts', 'src/tcp/recovery/rack.ts'],
  title: { en: 'The second segment arrives first', zh: '第二个报文段先到' },
  question: {
    en: 'Two segments change places on their way. What does the receiver do with the one that came too early?',
    zh: '两个报文段在路上交换了位置。接收方怎样处理来早了的那个？',
  },
  type: {
    any: [
      { run: "(printf 'first '; sleep 0.05; echo second; sleep 1) | nc -N 10.9.0.2 9" },
      { run: 'fourwave release one', terminal: 2 },
    ],
  },
  predict: {
    ask: {
      en: 'Bytes 7 to 13 arrive, bytes 1 to 6 are missing. What does S do with them?',
      zh: '字节 7 到 13 到了，1 到 6 还缺。S 怎么处理？',
    },
    choices: [
      { en: 'drops them: K sends everything again', zh: '丢弃：K 全部重发' },
      { en: 'delivers them, and the others later', zh: '先交付，其余的以后再交付' },
      { en: 'keeps them, and says so', zh: '保留，并说明' },
    ],
    right: 2,
    why: {
      en: 'The ACK number stays at the gap, and a SACK block tells what lies beyond it.',
      zh: 'ACK 号停在缺口处，SACK 块说明缺口之后已有的部分。',
    },
  },
  narrate: [
    {
      when: 'K>S any QUEUED',
      say: {
        en: 'In the window, but not at RCV.NXT: kept aside. The ACK still asks for byte 1; a SACK block shows 7-14.',
        zh: '在窗口内，但不在 RCV.NXT：放在一旁。ACK 仍要求字节 1,SACK 块显示 7-14。',
      },
    },
  ],
  acts: [swapped, tooLate],
  explain: {
    en: `A segment in the window that does not begin at RCV.NXT is kept (SHLD-31) and answered at once with an ACK of
what is still missing: a duplicate ACK, with a SACK block for what has come. When the gap is filled, one ACK jumps over
both. The sender must not take one such ACK for a loss: packets do overtake each other. RFC 5681 waits for three, RACK
(RFC 8985) for a quarter of a round trip.

In the second act the segment is so late that K does take it for lost. Then it arrives twice, and D-SACK tells K of its
mistake: next time it waits longer.`,
    zh: `在窗口内但不从 RCV.NXT 开始的报文段会被保留（SHLD-31），并立即用仍然缺少的序号回答 ACK：一个重复 ACK，带着说明已到部分的
SACK 块。缺口补上时，一个 ACK 一次跨过两段。发送方不能因为一个这样的 ACK 就认为丢失：数据包本来就会互相超越。RFC 5681 等三个，
RACK(RFC 8985)等四分之一个往返时间。

第二幕里报文段来得太迟，K 真的当它丢失了。于是它到达两次，D-SACK 告诉 K 判断有误：下次它会等得更久。`,
  },
  next: ['data/fast-retransmit', 'data/duplicate'],
  broken: {
    what: 'The order is not changed by a short detour but by a loss: the gap has to be filled by a retransmission.',
    act: 'swapped',
    faults: ['drop in where data times 1', 'delay both 150ms'],
  },
});
