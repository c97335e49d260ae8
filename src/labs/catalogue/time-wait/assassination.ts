/** time-wait/assassination: an old duplicate, its answer, and the RST that this earns (RFC 1337). */

import { type Act, lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { check, msLeft, timeWaitLeft } from '../toolkit.ts';

/** S closes first and waits; K has nothing left; then K's data comes once more. */
async function oldDataAtS(stage: Stage): Promise<void> {
  const nc = await stage.nc(13);
  await stage.until('S FIN-WAIT-2');
  await nc.type('x'.repeat(99));
  await stage.until('K>S any 1:101');
  await stage.wait(60);
  await nc.eof();
  await nc.exited();
  await stage.until('S TIME-WAIT');
  await stage.wait(300);
  stage.keep('before', await timeWaitLeft(stage));
  stage.step({ en: 'A router had kept a copy of the data', zh: '路由器里还有一份数据副本' });
  await stage.inject('old');
  await stage.wait(200);
  stage.keep('after', await timeWaitLeft(stage));
}

const SCENE = `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    S>K PSH,ACK 1:n ack 1
    S>K FIN,ACK n ack 1
    K>S ACK 1:m ack n+1 len>0
    K>S FIN,ACK m ack n+1                ; S TIME-WAIT
    S>K ACK n+1 ack m+1                  ; K CLOSED
    K>S ACK 1:m ack n+1 INJECTED DUPLICATE
    strict S>K ACK n+1 ack m+1`;

const on: Act = {
  name: 'rfc1337-on',
  title: { en: 'S ignores RSTs in TIME-WAIT (our default)', zh: 'S 在 TIME-WAIT 中忽略 RST（我们的默认）' },
  stack: { msl: '1s', timestamps: 'off', 'timeWait.rfc1337': 'on' },
  faults: ['copy in where data first as old'],
  auto: oldDataAtS,
  expect: `${SCENE}
    strict K>S RST m+1 DROPPED reason TCP_RST_TIMEWAIT
    S CLOSED within 1500ms..1800ms`,
  check: ({ kept }) => [
    check(
      ['the countdown goes on to its end', '倒计时一直走到底'],
      kept['before'] !== null && Number(kept['after']) > 0,
      `${msLeft(kept['before'])}, then ${msLeft(kept['after'])}`,
    ),
  ],
};

const off: Act = {
  ...on,
  name: 'rfc1337-off',
  title: { en: 'S obeys them: TIME-WAIT is assassinated', zh: 'S 服从 RST:TIME-WAIT 被"暗杀"' },
  stack: { msl: '1s', timestamps: 'off', 'timeWait.rfc1337': 'off' },
  expect: `${SCENE}
    strict K>S RST m+1                   ; S CLOSED`,
  check: ({ kept }) => [
    check(
      ['it was there, and it is gone long before 2 MSL', '它本来还在，却远早于 2MSL 就消失了'],
      Number(kept['before']) > 0 && kept['after'] === null,
      `${msLeft(kept['before'])}, then ${msLeft(kept['after'])}`,
    ),
  ],
};

/** The mirror: the kernel waits, and our stack has nothing left. */
function kernelAct(rfc1337: 0 | 1): Act {
  return {
    name: `kernel-${rfc1337}`,
    title:
      rfc1337 === 0
        ? { en: 'The kernel as it comes: tcp_rfc1337=0', zh: '内核默认：tcp_rfc1337=0' }
        : { en: 'The kernel with tcp_rfc1337=1', zh: '内核设置 tcp_rfc1337=1' },
    kernel: { tcp_rfc1337: rfc1337, tcp_timestamps: 0 },
    stack: { timestamps: 'off' },
    faults: ['copy out where data first as old'],
    auto: async (stage) => {
      const left = async (): Promise<number> =>
        (await stage.kernelSockets()).filter(({ state }) => state === 'TIME-WAIT').length;
      const nc = await stage.nc(7, { N: true });
      await nc.type('hello');
      await nc.saw('hello\n');
      await stage.wait(60);
      await nc.eof();
      await nc.exited();
      await stage.until('S CLOSED');
      await stage.wait(300);
      stage.keep('before', await left());
      await stage.inject('old');
      await stage.wait(200);
      stage.keep('after', await left());
    },
    expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1:7 ack 1
    S>K ACK 1:7 ack 7
    K>S FIN,ACK 7 ack 7
    S>K FIN,ACK 7 ack 8
    K>S ACK 8 ack 8                      ; S CLOSED
    S>K ACK 1:7 ack 7 INJECTED
    strict K>S ACK 8 ack 8
    strict S>K RST 8`,
    check: ({ kept }) => [
      check(
        rfc1337 === 0
          ? ["the kernel's TIME-WAIT is gone", '内核的 TIME-WAIT 消失了']
          : ["the kernel's TIME-WAIT is still there", '内核的 TIME-WAIT 还在'],
        kept['before'] === 1 && kept['after'] === rfc1337,
        `${String(kept['before'])}, then ${String(kept['after'])}`,
      ),
    ],
  };
}

export default lab({
  id: 'time-wait/assassination',
  level: 3,
  minutes: 4,
  answers: ['B50', 'B44'],
  rfc: ['RFC 1337 §2', 'RFC 1337 §3', 'RFC 9293 §3.10.7.4'],
  code: ['src/tcp/input/2-rst.ts', 'src/tcp/compact/time-wait-table.ts'],
  title: { en: 'TIME-WAIT assassination', zh: 'TIME-WAIT 暗杀' },
  question: {
    en: 'Nobody attacks, nothing is forged. How can one old duplicate end TIME-WAIT too early?',
    zh: '没有人攻击，没有伪造。一个旧的重复报文段怎样让 TIME-WAIT 提前结束？',
  },
  type: {
    any: [
      { run: 'nc 10.9.0.2 13' },
      { line: 'hello' },
      { key: 'Ctrl-D' },
      { run: 'fourwave inject old', terminal: 2 },
      { run: 'fourwave ss', terminal: 2 },
    ],
  },
  predict: {
    ask: {
      en: 'S, in TIME-WAIT, answers the old data with an ACK. K has closed for good. What comes back?',
      zh: 'S 在 TIME-WAIT 中用 ACK 回答旧数据。K 早已彻底关闭。返回的是什么？',
    },
    choices: [
      { en: 'nothing', zh: '什么也没有' },
      { en: 'an ACK', zh: 'ACK' },
      { en: 'a RST', zh: 'RST' },
    ],
    right: 2,
    why: {
      en: 'K knows no such connection: what is not a RST earns a RST, with exactly the number that S expects.',
      zh: 'K 已不知道这个连接：凡不是 RST 的报文段都招来 RST，序号恰好就是 S 所期待的。',
    },
  },
  narrate: [
    {
      when: 'K>S any INJECTED',
      say: {
        en: 'An old duplicate reaches S in TIME-WAIT. It is not acceptable, so S answers with an ACK.',
        zh: '旧的重复报文段到达处于 TIME-WAIT 的 S。它不可接受，所以 S 回答 ACK。',
      },
    },
    {
      when: 'K>S RST',
      say: {
        en: 'The ACK has found nobody, and here is the RST. Its number is exact: RFC 5961 cannot see the harm.',
        zh: '这个 ACK 没有找到任何人，于是来了 RST。它的序号完全正确：RFC 5961 也无法把它与真的区分开。',
      },
    },
  ],
  acts: [off, on, kernelAct(0), kernelAct(1)],
  explain: {
    en: `An old duplicate of K's data arrives in S's TIME-WAIT. It lies left of the window, so S answers with an ACK.
K has no such connection any more and answers that with a RST, whose number is taken from the ACK: it is exactly
RCV.NXT. RFC 9293 lets such a RST end TIME-WAIT. After that nothing keeps old segments from a new connection.

RFC 1337 names three hazards of this kind and one remedy: ignore RSTs in TIME-WAIT. That is our default
(timeWait.rfc1337); Linux has it as tcp_rfc1337, off by default, and the last two acts show both settings of the
real kernel. RFC 5961 does not help here, because the number is right. Timestamps help earlier: with PAWS K's old
segment is recognised, but it is answered with the same ACK, and so earns the same RST.`,
    zh: `K 的数据的一个旧副本到达 S 的 TIME-WAIT。它位于窗口左侧，S 回答 ACK。K 已没有这个连接，于是用 RST 回答，
RST 的序号取自那个 ACK：恰好等于 RCV.NXT。RFC 9293 允许这样的 RST 结束 TIME-WAIT。此后，再没有什么能把旧报文段
挡在新连接之外。

RFC 1337 列出三种这样的危险，并给出一个办法：TIME-WAIT 中忽略 RST。这是我们的默认（timeWait.rfc1337）；
Linux 的对应选项是 tcp_rfc1337，默认关闭，最后两幕展示真实内核的两种设置。RFC 5961 在这里帮不上忙，因为序号是对的。
时间戳也只能更早认出旧报文段（PAWS），但仍以同样的 ACK 回答，因而招来同样的 RST。`,
  },
  next: ['time-wait/old-data', 'reset/blind'],
  broken: {
    what: 'S obeys RSTs in TIME-WAIT where it should ignore them.',
    act: 'rfc1337-on',
    stack: { 'timeWait.rfc1337': 'off' },
  },
});
