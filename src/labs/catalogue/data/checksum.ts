/** data/checksum: one flipped bit. */

import { type Act, lab } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import type { Stage } from '../../stage.ts';
import { check } from '../toolkit.ts';

async function hello(stage: Stage): Promise<void> {
  const nc = await stage.nc(7, { N: true });
  await stage.until('S ESTABLISHED');
  await nc.type('hello');
  await nc.saw('\n');
  await stage.wait(100);
  await nc.eof();
  await nc.exited();
}

const whole = ({ programs }: ActReport): CheckLine =>
  check(
    ['every byte came as it was written', '每个字节都与写入时相同'],
    programs[0]?.printed === 'hello\n',
    JSON.stringify(programs[0]?.printed),
  );

const inbound: Act = {
  name: 'in',
  title: { en: "K's segment is damaged: S drops it without a word", zh: 'K 的报文段损坏：S 一声不响地丢弃' },
  faults: ['corrupt in where len>0 times 1'],
  auto: hello,
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1:7 ack 1 CORRUPTED
    strict K>S ACK 1:7 ack 1        within 90ms..900ms
    S>K ACK 1:7 ack 7
    K>S FIN,ACK 7 ack 7
    ...`,
  check: (report) => [
    whole(report),
    check(
      ['dropped for its checksum: TCP_CSUM', '因校验和被丢弃：TCP_CSUM'],
      report.events.some(({ data }) => data['reason'] === 'TCP_CSUM'),
    ),
  ],
};

const outbound: Act = {
  name: 'out',
  title: { en: "S's segment is damaged: the kernel does the same", zh: 'S 的报文段损坏：内核同样处理' },
  faults: ['corrupt out where len>0 times 1'],
  auto: hello,
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1:7 ack 1
    S>K ACK 1:7 ack 7 CORRUPTED
    ...
    S>K ACK 1:7 ack 7 RETRANS       within 0ms..900ms
    K>S FIN,ACK 7 ack 7
    ...`,
  check: (report) => [whole(report)],
};

export default lab({
  id: 'data/checksum',
  level: 4,
  minutes: 2,
  answers: ['B59'],
  rfc: ['RFC 9293 §3.1', 'RFC 1071 §1'],
  code: ['src/tcp/input/segment-arrives.ts', 'src/tcp/engine.ts'],
  title: { en: 'One bit is wrong', zh: '一个比特错了' },
  question: {
    en: 'A bit of the segment is flipped on its way. Does the receiver say so?',
    zh: '报文段在路上有一个比特翻转了。接收方会说出来吗？',
  },
  type: {
    any: [
      { run: 'nc -N 10.9.0.2 7' },
      { line: 'hello' },
      { wait: { en: 'the echo is there', zh: '看到回显' }, until: 'S>K any 1:7' },
      { key: 'Ctrl-D' },
    ],
  },
  predict: {
    ask: {
      en: 'A segment with a wrong checksum arrives. What does S send?',
      zh: '一个校验和错误的报文段到达。S 发送什么？',
    },
    choices: [
      { en: 'an ACK of what it has', zh: '对已有数据的 ACK' },
      { en: 'a RST', zh: 'RST' },
      { en: 'nothing', zh: '什么也不发' },
    ],
    right: 2,
    why: {
      en: 'If a bit is wrong it may be one of the port: nobody knows whose segment it was.',
      zh: '既然有比特错了，也可能是端口号：谁也不知道这是谁的报文段。',
    },
  },
  narrate: [
    {
      when: 'K>S any CORRUPTED',
      say: {
        en: 'The checksum does not fit: to TCP nothing has arrived. K will have to wait for its timer.',
        zh: '校验和不符：对 TCP 而言什么也没有到达。K 只能等自己的定时器。',
      },
    },
  ],
  acts: [inbound, outbound],
  explain: {
    en: `The checksum covers the pseudo-header (the addresses), the TCP header and the text (RFC 9293 §3.1, MUST-3). A
segment that fails is dropped before anything else is looked at: it has no answer, no state, no connection, only a
counter (TCP_CSUM; in Linux InCsumErrors). So damage looks exactly like loss, and is repaired like loss: by the
sender's timer, or by duplicate ACKs when something follows.

The checksum is a weak one: sixteen bits, and two swapped 16-bit words go unnoticed. It is no guard against malice.`,
    zh: `校验和覆盖伪首部（地址）、TCP 首部和数据（RFC 9293 §3.1,MUST-3）。不符的报文段在其他检查之前就被丢弃：没有回答，没有状态，
没有连接，只有一个计数器（TCP_CSUM;Linux 为 InCsumErrors）。所以损坏看起来与丢失完全一样，也像丢失一样修复：靠发送方的
定时器，或在后面还有数据时靠重复 ACK。

这个校验和很弱：只有 16 位，两个 16 位字互换也发现不了。它不能防范恶意。`,
  },
  next: ['data/rto', 'data/acceptability'],
  broken: {
    what: 'The segment is not damaged but changed with a right checksum: what no checksum can see.',
    act: 'in',
    faults: ['mutate in where len>0 set win=100'],
  },
});
