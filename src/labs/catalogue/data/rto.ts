/** data/rto: a lost segment with nothing behind it, and the timer that brings it again, later each time. */

import { rungsOf } from '../../expect/rungs.ts';
import { type Act, lab } from '../../lab.ts';
import type { ActReport } from '../../result.ts';
import type { Stage } from '../../stage.ts';
import { check, timerEvents } from '../toolkit.ts';

async function oneLine(stage: Stage): Promise<void> {
  const nc = await stage.nc(7, { N: true });
  await stage.until('S ESTABLISHED');
  await nc.type('x');
  await nc.saw('x', 12_000);
  await stage.wait(100);
  await nc.eof();
  await nc.exited();
}

/** RTT samples that were taken after the echo was first sent and before its ACK was handled to the end. */
const samples = ({ events }: ActReport): number => {
  const first = events.findIndex(({ ev, data }) => ev === 'seg:sent' && Number(data['len']) > 0);
  const fin = events.findIndex(
    ({ ev, data }) => ev === 'seg:received' && String(data['flags']).includes('FIN'),
  );
  return events
    .slice(first, fin < 0 ? events.length : fin)
    .filter(({ ev, data }) => ev === 'rtt:sample' && data['accepted'] === true).length;
};

const CALM = { 'rto.min': '1s', 'rto.floor': 'whole', tlp: 'off' } as const;

const doubled: Act = {
  name: 'doubled',
  title: {
    en: '1 s, 2 s, 4 s, and no sample from the survivor',
    zh: '1 秒、2 秒、4 秒，幸存者不产生 RTT 样本',
  },
  stack: { ...CALM, timestamps: 'off' },
  faults: ['drop out where len>0 times 3'],
  auto: oneLine,
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1:3 ack 1
    S>K ACK 1:3 ack 3 LOST                     ; timer S.rto armed
    K>S ACK 1:3 ack 1 RETRANS                  within 90ms..500ms
    S>K ACK 3 ack 3
    S>K ACK 1:3 ack 3 RETRANS LOST trigger rto   within 500ms..920ms
    S>K ACK 1:3 ack 3 RETRANS LOST trigger rto   within 1950ms..2050ms
    S>K ACK 1:3 ack 3 RETRANS trigger rto        within 3950ms..4050ms
    K>S ACK 3 ack 3
    K>S FIN,ACK 3 ack 3
    S>K FIN,ACK 3 ack 4
    K>S ACK 4 ack 4`,
  check: (report) => [
    check(
      ["Karn: no RTT sample from the survivor's ACK", 'Karn：幸存者的 ACK 不产生 RTT 样本'],
      samples(report) === 0,
      `${samples(report)} samples`,
    ),
    check(
      ['the timer fired three times', '定时器到期三次'],
      timerEvents(report.events, 'rto').filter((what) => what === 'fire').length === 3,
    ),
    check(['the line came once', '那一行只出现一次'], report.programs[0]?.printed === 'x\n'),
  ],
};

const stamped: Act = {
  ...doubled,
  name: 'timestamps',
  title: {
    en: 'With timestamps the echo tells which copy was answered: a sample',
    zh: '有时间戳时，回显说明回答的是哪一份：可以取样',
  },
  stack: { ...CALM, timestamps: 'on' },
  faults: ['drop out where len>0 times 1'],
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1:3 ack 1
    S>K ACK 1:3 ack 3 LOST
    K>S ACK 1:3 ack 1 RETRANS                  within 90ms..500ms
    S>K ACK 3 ack 3
    S>K ACK 1:3 ack 3 RETRANS trigger rto        within 500ms..920ms
    K>S ACK 3 ack 3
    K>S FIN,ACK 3 ack 3
    ...`,
  check: (report) => [
    check(
      ['RFC 7323 §4: a sample although it was sent twice', 'RFC 7323 §4：虽然发送了两次，仍可取样'],
      samples(report) >= 1,
      `${samples(report)} samples`,
    ),
  ],
};

/** The other direction, with Linux's timers: 200 ms, and a probe for a lost tail first. */
const kernel: Act = {
  name: 'kernel',
  title: {
    en: "The kernel's own: a tail loss probe, then 0.2, 0.4, 0.8 s",
    zh: '内核：先是尾部丢包探测，然后 0.2、0.4、0.8 秒',
  },
  stack: { timestamps: 'off' },
  kernel: { tcp_timestamps: 0 },
  faults: ['drop in where len>0 times 4'],
  auto: oneLine,
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1:3 ack 1 LOST
    K>S ACK 1:3 ack 1 LOST RETRANS  within 90ms..900ms
    K>S ACK 1:3 ack 1 LOST RETRANS  within 90ms..900ms
    K>S ACK 1:3 ack 1 LOST RETRANS  within 300ms..1500ms
    K>S ACK 1:3 ack 1 RETRANS       within 600ms..3000ms
    S>K ACK 1:3 ack 3
    ...`,
  check: ({ events }) => {
    const times = rungsOf(events)
      .filter(({ from, len }) => from === 'K' && len > 0)
      .map(({ t }) => t);
    const waits = times.slice(1).map((t, i) => t - (times[i] as number));
    const [, , before = 1, last = 0] = waits;
    return [
      check(
        ['the last wait was twice the one before', '最后一次等待是前一次的两倍'],
        last / before > 1.5 && last / before < 2.6,
        waits.map((wait) => `${(wait * 1000).toFixed(0)} ms`).join(', '),
      ),
    ];
  },
};

export default lab({
  id: 'data/rto',
  level: 4,
  minutes: 3,
  answers: ['B59', 'B57'],
  rfc: ['RFC 6298 §5', 'RFC 6298 §3', 'RFC 9293 §3.8.1', 'RFC 7323 §4'],
  code: ['src/tcp/timers/retransmission.ts', 'src/tcp/timers/rtt.ts', 'src/tcp/recovery/timeout.ts'],
  title: { en: 'The retransmission timer: 1, 2, 4 seconds', zh: '重传定时器：1、2、4 秒' },
  question: {
    en: 'One small segment is lost, and nothing is sent behind it. Who notices, and when is it sent again?',
    zh: '一个小报文段丢失了，后面没有别的数据。谁会发现？什么时候重发？',
  },
  type: {
    any: [
      { run: 'nc -N 10.9.0.2 7' },
      { line: 'x' },
      { wait: { en: 'the echo comes after seven seconds', zh: '七秒后出现回显' }, until: 'K>S any 3 ack 3' },
      { key: 'Ctrl-D' },
    ],
  },
  predict: {
    ask: {
      en: 'The first wait was 1 s, and the segment is lost again. The next wait?',
      zh: '第一次等了 1 秒，报文段又丢了。下一次等多久？',
    },
    choices: [
      { en: '1 s', zh: '1 秒' },
      { en: '2 s', zh: '2 秒' },
      { en: 'the round-trip time', zh: '一个往返时间' },
    ],
    right: 1,
    why: {
      en: 'Each timeout doubles the RTO (RFC 6298 §5.5): who knows whether the network is not simply too full.',
      zh: '每次超时 RTO 加倍（RFC 6298 §5.5）：也许只是网络太拥挤。',
    },
  },
  narrate: [
    {
      when: 'K>S any RETRANS',
      say: {
        en: "The lost echo carried the ACK of K's own byte with it, so K sends that again, after 0.2 s.",
        zh: '丢失的回显还捎带着对 K 那个字节的 ACK，所以 K 在 0.2 秒后重发它。',
      },
    },
    {
      when: 'S>K any RETRANS trigger rto',
      say: {
        en: 'Time is up: the same bytes again, and the next wait is twice as long.',
        zh: '时间到：同样的字节再次发送，下一次等待加倍。',
      },
    },
  ],
  acts: [doubled, stamped, kernel],
  explain: {
    en: `Nothing comes behind the lost segment, so no duplicate ACK can tell of the loss: only a timer can. It is
computed from round-trip samples (RFC 6298), never less than a least value (1 s in the RFC and in the first act; 200 ms
in Linux and in our default), and doubled by each timeout.

When the third copy is acknowledged at last, which copy was it? The ACK does not tell, so no sample is taken (Karn's
algorithm, RFC 6298 §3). Timestamps tell: the echo is that of the copy that arrived, and the second act has a sample.
The kernel, in the third act, first sends a tail loss probe (RFC 8985 §7), which is no timeout and doubles nothing.`,
    zh: `丢失的报文段后面没有别的数据，所以没有重复 ACK 能说明丢失：只有定时器能发现。它由往返样本计算（RFC 6298），不小于一个
下限（RFC 和第一幕为 1 秒；Linux 和我们的默认为 200 毫秒），每次超时加倍。

第三份终于被确认时，确认的是哪一份？ACK 说不清，所以不取样（Karn 算法，RFC 6298 §3）。时间戳说得清：回显的是到达的那一份，
所以第二幕有样本。第三幕的内核先发送一个尾部丢包探测（RFC 8985 §7），它不算超时，也不加倍。`,
  },
  next: ['data/fast-retransmit', 'cc/timeout'],
  broken: {
    what: 'The timer does not back off: the most it may wait is one second.',
    act: 'doubled',
    stack: { 'rto.max': '1s' },
  },
});
