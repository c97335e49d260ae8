/** data/duplicate: a router repeats a segment. */

import { rungsOf } from '../../expect/rungs.ts';
import { type Act, lab } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import type { Stage } from '../../stage.ts';
import { check } from '../toolkit.ts';

async function hello(stage: Stage): Promise<void> {
  const nc = await stage.nc(7, { N: true });
  await stage.until('S ESTABLISHED');
  await nc.type('hello');
  await nc.saw('hello\n');
  await stage.wait(500);
  await nc.eof();
  await nc.exited();
}

const once = ({ programs }: ActReport): CheckLine =>
  check(
    ['it was delivered once', '只交付一次'],
    programs[0]?.printed === 'hello\n',
    JSON.stringify(programs[0]?.printed),
  );

const END = `
    K>S FIN,ACK 7 ack 7
    S>K FIN,ACK 7 ack 8
    K>S ACK 8 ack 8`;

const dsack: Act = {
  name: 'dsack',
  title: { en: 'The ACK tells what came twice (D-SACK)', zh: 'ACK 说明什么来了两次（D-SACK）' },
  stack: { timestamps: 'off' },
  kernel: { tcp_timestamps: 0 },
  faults: ['dup in where len>0 after 300ms times 1'],
  auto: hello,
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1:7 ack 1 ACCEPTED
    S>K ACK 1:7 ack 7
    K>S ACK 1:7 ack 1 DUPLICATE        within 250ms..400ms
    strict S>K ACK 7 ack 7 sack 1-7 ${END}`,
  check: (report) => [
    once(report),
    check(
      ['S read it once', 'S 只读到一次'],
      report.events.filter(({ ev, data }) => ev === 'app:read' && Number(data['bytes']) > 0).length <= 1,
    ),
  ],
};

const plain: Act = {
  ...dsack,
  name: 'no-dsack',
  title: { en: 'Without D-SACK: an ACK, and nothing more', zh: '没有 D-SACK：只有一个 ACK' },
  stack: { timestamps: 'off', dsack: 'off' },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1:7 ack 1 ACCEPTED
    S>K ACK 1:7 ack 7
    K>S ACK 1:7 ack 1 DUPLICATE        within 250ms..400ms
    strict S>K ACK 7 ack 7 sack none ${END}`,
  check: (report) => [once(report)],
};

const mirror: Act = {
  ...dsack,
  name: 'kernel',
  title: { en: 'The echo is repeated: the kernel answers just so', zh: '回显被重复：内核的回答完全一样' },
  faults: ['dup out where len>0 after 300ms times 1'],
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1:7 ack 1
    S>K ACK 1:7 ack 7
    ...
    K>S ACK 7 ack 7 sack 1-7 ${END}`,
  check: (report) => [
    once(report),
    check(
      ['S did not send it twice: the wire did', '不是 S 发了两次，是线路'],
      report.events.filter(({ ev, data }) => ev === 'seg:sent' && Number(data['len']) > 0).length === 1 &&
        rungsOf(report.events).some(({ sack }) => sack.length > 0),
    ),
  ],
};

export default lab({
  id: 'data/duplicate',
  level: 4,
  minutes: 2,
  answers: ['B50', 'B59'],
  rfc: ['RFC 9293 §3.10.7.4', 'RFC 2883 §4'],
  code: ['src/tcp/input/1-sequence.ts', 'src/tcp/output/sack-option.ts'],
  title: { en: 'A segment arrives twice', zh: '一个报文段到达两次' },
  question: {
    en: 'A router repeats a segment 300 ms later. Does the application see it twice? What does TCP answer?',
    zh: '路由器在 300 毫秒后重复了一个报文段。应用程序会看到两次吗？TCP 如何回答？',
  },
  type: {
    any: [
      { run: 'nc -N 10.9.0.2 7' },
      { line: 'hello' },
      { wait: { en: 'half a second', zh: '半秒' }, ms: 500 },
      { key: 'Ctrl-D' },
    ],
  },
  predict: {
    ask: {
      en: 'The same bytes again, 300 ms later. What does S send?',
      zh: '300 毫秒后同样的字节又到了。S 发送什么？',
    },
    choices: [
      { en: 'nothing: it has them', zh: '什么也不发：它已经有了' },
      { en: 'an ACK', zh: '一个 ACK' },
      { en: 'the echo once more', zh: '再回显一次' },
    ],
    right: 1,
    why: {
      en: 'It cannot know that it is a copy: perhaps the ACK was lost and K waits for it.',
      zh: '它无法知道这是副本：也许 ACK 丢了，K 正等着它。',
    },
  },
  narrate: [
    {
      when: 'K>S any DUPLICATE',
      say: {
        en: 'Wholly left of the window: dropped, and answered with an ACK at once.',
        zh: '完全位于窗口左侧：丢弃，并立即回答一个 ACK。',
      },
    },
  ],
  acts: [dsack, plain, mirror],
  explain: {
    en: `IP may deliver a packet twice. Sequence numbers make that harmless: what lies wholly left of RCV.NXT is not
acceptable, is dropped, and is answered with an ACK, in case the one before was lost (RFC 9293 §3.10.7.4, first check).

D-SACK (RFC 2883) adds which bytes came twice: a SACK block below the ACK number. The sender learns from it that a
retransmission was unnecessary, or, as here, that it had sent nothing twice and the network repeats packets. The
kernel, in the last act, says exactly the same.`,
    zh: `IP 可能把一个包送达两次。序号使它无害：完全位于 RCV.NXT 左侧的报文段不可接受，被丢弃，并以 ACK 回答，以防前一个 ACK
丢失（RFC 9293 §3.10.7.4 第一步检查）。

D-SACK(RFC 2883)还说明哪些字节来了两次：一个低于 ACK 号的 SACK 块。发送方由此得知某次重传是多余的，或者像这里一样，
自己并没有发两次，而是网络在重复。最后一幕里内核的说法完全相同。`,
  },
  next: ['data/reorder', 'time-wait/assassination'],
  broken: {
    what: 'S does not report duplicates.',
    act: 'dsack',
    stack: { dsack: 'off' },
  },
});
