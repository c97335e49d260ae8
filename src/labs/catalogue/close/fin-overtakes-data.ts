/** close/fin-overtakes-data: a FIN counts when everything before it has come. */

import { lab } from '../../lab.ts';
import type { ActReport, CheckLine } from '../../result.ts';
import type { Stage } from '../../stage.ts';
import { checked } from './scenes.ts';

export default lab({
  id: 'close/fin-overtakes-data',
  level: 3,
  minutes: 2,
  answers: ['B16', 'B21'],
  rfc: ['RFC 9293 §3.10.7.4', 'RFC 2018 §3', 'RFC 8985 §6'],
  code: ['src/tcp/input/7-text.ts', 'src/tcp/input/8-fin.ts', 'src/tcp/receive/ack-policy.ts'],
  title: { en: 'The FIN overtakes the data', zh: 'FIN 超过了数据' },
  question: {
    en: 'A FIN arrives before the data that was sent before it. Is the connection half closed now?',
    zh: 'FIN 比它之前发送的数据先到。连接现在半关闭了吗？',
  },
  type: {
    'nc.openbsd': [{ run: 'printf 0123456789 | nc -N 10.9.0.2 9' }],
    ncat: [{ run: 'printf 0123456789 | ncat 10.9.0.2 9' }],
    any: [{ run: 'printf 0123456789 | nc -N 10.9.0.2 9' }],
  },
  predict: {
    ask: {
      en: 'FIN 11 is there, bytes 1 to 10 are not. What does S acknowledge?',
      zh: 'FIN 11 到了，字节 1 到 10 没到。S 确认多少？',
    },
    choices: [
      { en: '12, and CLOSE-WAIT', zh: '12，并进入 CLOSE-WAIT' },
      { en: '1, and ESTABLISHED', zh: '1，仍是 ESTABLISHED' },
      { en: 'nothing: the FIN is dropped', zh: '什么也不确认：丢弃 FIN' },
    ],
    right: 1,
    why: {
      en: 'An acknowledgement says what has come without a gap. The FIN is kept, and SACK says that it is (11-12).',
      zh: '确认号说明连续收到了多少。FIN 被保留，SACK 会说明这一点（11-12）。',
    },
  },
  acts: [
    {
      name: 'without-sack',
      title: {
        en: 'K waits for its timer: the late data closes the gap',
        zh: 'K 等待定时器：迟到的数据补上缺口',
      },
      kernel: { tcp_sack: 0 },
      faults: ['delay in where len>0 100ms times 1'],
      auto: overtake,
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1              ; S ESTABLISHED
        K>S FIN,ACK 11 ack 1 QUEUED
        strict S>K ACK 1 ack 1       # a duplicate ACK: 1 is still what is missing
        K>S PSH,ACK 1:11 ack 1 ACCEPTED ; S CLOSE-WAIT  within 50ms..400ms
        S>K FIN,ACK 1 ack 12         ; S LAST-ACK
        K>S ACK 12 ack 2             ; S CLOSED
      `,
      check: inOrder,
    },
    {
      name: 'with-sack',
      title: { en: 'SACK tells K at once: it sends the data again', zh: 'SACK 立即告诉 K：它重发数据' },
      // Without timestamps, or the late copy is thrown away for its age (PAWS), not for its numbers.
      stack: { timestamps: 'off' },
      faults: ['delay in where len>0 100ms times 1'],
      services: { echo: { think: 400 } },
      auto: async (stage) => {
        const nc = await stage.nc(7, { N: true, input: '0123456789' });
        await stage.until('K>S ACK\nS CLOSED');
        await nc.exited();
      },
      expect: `
        K>S SYN 0
        S>K SYN,ACK 0 ack 1
        K>S ACK 1 ack 1
        K>S FIN,ACK 11 ack 1 QUEUED
        strict S>K ACK 1 ack 1 sack 11-12
        ? K>S FIN,ACK 11 ack 1 RETRANS
        ? K>S FIN,ACK 11 ack 1 RETRANS
        K>S any 1:11 ack 1 RETRANS ACCEPTED ; S CLOSE-WAIT  within 0ms..90ms
        S>K PSH,ACK 1:11 ack 12
        K>S any 1:11 ack 1 DELAYED DUPLICATE
        S>K FIN,ACK 11 ack 12
        K>S ACK 12 ack 12            ; S CLOSED
      `,
      check: (report) => [
        ...inOrder(report),
        checked(
          'the late copy was no second message',
          '迟到的副本没有成为第二份',
          report.programs[0]?.printed === '0123456789',
          report.programs[0]?.printed ?? '',
        ),
      ],
    },
  ],
  narrate: [
    {
      when: 'K>S FIN,ACK QUEUED',
      say: {
        en: 'FIN 11 has come, 1 to 10 are missing: the FIN is queued like data, and S stays ESTABLISHED.',
        zh: 'FIN 11 到了，1 到 10 还缺：FIN 像数据一样排队，S 仍是 ESTABLISHED。',
      },
    },
    {
      when: 'S CLOSE-WAIT',
      say: {
        en: 'The gap is closed: first the ten bytes, then the end.',
        zh: '缺口补上了：先是十个字节，然后是结束。',
      },
    },
  ],
  explain: {
    en: `A FIN has its place in the sequence, behind the last byte, and is processed when RCV.NXT reaches it:
the text is
the seventh step, the FIN the eighth (RFC 9293 §3.10.7.4). What comes early is kept, the FIN as well as data,
and each early segment earns an ACK at once that repeats what is missing. The state changes, and the application
reads the
end, only after the ten bytes.

With SACK the sender is told what did arrive (11-12: the FIN's own number). Linux concludes at once that the older
segment must be lost (RACK, RFC 8985) and sends it again, wrongly here: it was only late. When the late copy
comes it is a duplicate and is thrown away.`,
    zh: `FIN 在序列中有自己的位置，排在最后一个字节之后，要等 RCV.NXT 到达它才被处理：数据是第七步，FIN 是第八步
（RFC 9293 §3.10.7.4）。早到的东西会被保留，FIN 和数据一样；每个早到的报文段立即得到一个 ACK，重复说明缺的是什么。
状态的改变以及应用程序读到结束，都在那十个字节之后。

有 SACK 时，发送方得知哪些到了（11-12：FIN 自己的序号）。Linux 立即推断更早的报文段丢了（RACK，RFC 8985）并重发，
在这里是误判：它只是迟到。迟到的副本到来时是重复的，被丢弃。`,
  },
  next: ['data/reorder', 'data/duplicate', 'close/fin-consumes-seq'],
  broken: {
    what: 'Nothing is delayed: the FIN comes in order, and nothing has to be queued.',
    act: 'without-sack',
    faults: [],
  },
});

async function overtake(stage: Stage): Promise<void> {
  const nc = await stage.nc(9, { N: true, input: '0123456789' });
  await stage.until('S CLOSED');
  await nc.exited();
  stage.keep('received', stage.service('discard').received);
}

function inOrder({ events, kept }: ActReport): CheckLine[] {
  const at = (name: string): number => events.find(({ ev }) => ev === name)?.n ?? 0;
  const read = events
    .filter(({ ev }) => ev === 'app:read')
    .reduce((sum, { data }) => sum + Number(data['bytes']), 0);
  const changed = events.find(({ ev, data }) => ev === 'conn:state' && data['new'] === 'CLOSE-WAIT')?.n ?? 0;
  const queued =
    events.find(({ ev, data }) => ev === 'seg:judged' && data['verdict'] === 'queued-ooo')?.n ?? 0;
  return [
    checked(
      'S stayed ESTABLISHED when the FIN came',
      'FIN 到来时 S 仍是 ESTABLISHED',
      queued > 0 && changed > queued,
    ),
    checked(
      'the application read 10 bytes, and then the end',
      '应用程序读到 10 个字节，然后是结束',
      read === 10 && at('app:read') < at('app:close'),
      `${read} bytes`,
    ),
    ...(kept['received'] === undefined
      ? []
      : [
          checked(
            'they were the right ones',
            '内容正确',
            kept['received'] === '0123456789',
            JSON.stringify(kept['received']),
          ),
        ]),
  ];
}
