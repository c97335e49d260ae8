/** open/syn-lost: the first segment does not arrive. Once from K, whose clock we only watch; and from us. */

import { type Act, lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { doubles, happened, point, segments, statesOfK } from './points.ts';

const once: Act = {
  name: 'once',
  title: { en: "K's SYN is lost once", zh: 'K 的 SYN 丢失一次' },
  faults: ['drop in where syn times 1'],
  auto: async (stage) => {
    const nc = await stage.nc(7, { N: true });
    await stage.wait(400);
    stage.keep('K', await statesOfK(stage));
    stage.keep('S', (await stage.connections()).filter(({ state }) => (state as string) !== 'LISTEN').length);
    await stage.until('S ESTABLISHED');
    await nc.eof();
    await nc.exited();
  },
  expect: `
    K>S SYN 0 LOST                ; K SYN-SENT
    strict K>S SYN 0 RETRANS within 700ms..1900ms ; S SYN-RECEIVED
    strict S>K SYN,ACK 0 ack 1    ; K ESTABLISHED
    strict K>S ACK 1 ack 1        ; S ESTABLISHED
    K>S FIN,ACK 1 ack 1
    S>K FIN,ACK 1 ack 2
    K>S ACK 2 ack 2               ; S CLOSED
  `,
  check: ({ events, kept, programs }) => [
    point(
      'Meanwhile K was in SYN-SENT with its timer running',
      '其间 K 处在 SYN-SENT，定时器在跑',
      kept['K'] === 'SYN-SENT (rto)',
      String(kept['K']),
    ),
    point('… and S knew of nothing', '……而 S 一无所知', kept['S'] === 0, `${String(kept['S'])} connections`),
    point('S opened one connection', 'S 只打开了一个连接', happened(events, 'conn:opened').length === 1),
    point('nc noticed nothing', 'nc 毫无察觉', programs[0]?.exit?.code === 0),
  ],
};

const oursLost = async (stage: Stage): Promise<void> => {
  const server = await stage.nc(5000, { listen: true });
  const connect = await stage.connect(5000);
  await stage.until('S SYN-SENT');
  await stage.until('S ESTABLISHED');
  await connect.eof();
  await server.exited();
  await stage.until('S TIME-WAIT');
};

const ours: Act = {
  name: 'ours',
  title: { en: 'S connects, and its own SYN is lost three times', zh: 'S 主动连接，它自己的 SYN 丢失三次' },
  stack: { msl: '500ms', 'rto.initial': '400ms' },
  faults: ['drop out where syn times 3'],
  auto: oursLost,
  expect: `
    S>K SYN 0 LOST                ; S SYN-SENT  timer S.rto armed 400ms
    strict S>K SYN 0 copy 2 RETRANS LOST within 380ms..420ms
    strict S>K SYN 0 copy 3 RETRANS LOST within 780ms..820ms
    strict S>K SYN 0 copy 4 RETRANS within 1580ms..1620ms ; K SYN-RECEIVED
    strict K>S SYN,ACK 0 ack 1    ; S ESTABLISHED
    strict S>K ACK 1 ack 1        ; K ESTABLISHED
    S>K FIN,ACK 1 ack 1           ; S FIN-WAIT-1
    ...
    S TIME-WAIT
    ...
  `,
  check: ({ events }) => {
    const syns = segments(events, 'S', 'SYN');
    const sent = events.filter(({ ev, data }) => ev === 'seg:sent' && data['flags'] === 'SYN');
    const originals = sent.slice(1).map(({ data }) => data['retransmission']);
    const waits = happened(events, 'timer:set', { timer: 'rto' }).map(({ data }) => Number(data['afterMs']));
    const gaps = waits.slice(0, syns.length);
    return [
      point(
        'Each SYN after the first is told in the log as a retransmission, and of which one',
        '第一个之后的每个 SYN 在日志里都标为重传',
        originals.length === 3 &&
          originals.every((one) => one === true) &&
          sent.slice(1).every(({ data }) => 'retransOf' in data),
      ),
      point(
        'All of them have one initial sequence number',
        '它们的初始序号相同',
        new Set(sent.map(({ data }) => JSON.stringify((data['raw'] as { seq?: number }).seq))).size === 1,
      ),
      point(
        'The timer doubled with every try',
        '定时器每次加倍',
        gaps.length === 4 && doubles(gaps),
        `${gaps.join(', ')} ms`,
      ),
    ];
  },
};

const never: Act = {
  name: 'for-ever',
  title: { en: 'No SYN ever arrives', zh: '所有 SYN 都到不了' },
  faults: ['drop in where syn'],
  auto: async (stage) => {
    const curl = await stage.curl('-m', stage.mode === 'sim' ? '4' : '2.5', 'http://10.9.0.2/');
    await curl.exited(8000);
  },
  expect: `
    K>S SYN 0 LOST
    strict K>S SYN 0 LOST RETRANS within 700ms..1900ms
    strict K>S SYN 0 LOST RETRANS within 700ms..2600ms
    ? K>S SYN 0 LOST RETRANS
    never S>K any
    never event conn:opened
  `,
  check: ({ events, programs, mode }) => {
    const [first = 0, ...later] = segments(events, 'K', 'SYN').map(({ t }) => t);
    return [
      point('curl timed out (28)', 'curl 超时（28）', programs[0]?.exit?.code === 28),
      point(
        mode === 'real'
          ? 'Linux spaced its first SYNs evenly (since 6.5)'
          : 'The simulated K waited twice as long each time, as RFC 6298 says',
        mode === 'real'
          ? 'Linux 前几个 SYN 间隔相等（自 6.5 起）'
          : '模拟的 K 每次等待加倍，如 RFC 6298 所说',
        later.length >= 2,
        `at ${later.map((t) => (t - first).toFixed(2)).join(', ')} s`,
      ),
    ];
  },
};

export default lab({
  id: 'open/syn-lost',
  level: 2,
  minutes: 3,
  answers: ['B4', 'B8'],
  rfc: ['RFC 9293 §3.8.1', 'RFC 9293 §3.10.7.3', 'RFC 6298 §2', 'RFC 6298 §5'],
  code: ['src/tcp/input/syn-sent.ts', 'src/tcp/timers/retransmission.ts'],
  title: { en: 'What if the SYN is lost?', zh: '如果第一个 SYN 丢了会怎样？' },
  question: {
    en: 'The very first segment never arrives. Who notices, after how long, and what does the other side know?',
    zh: '第一个报文段没有到达。谁会发现？要多久？另一方知道什么？',
  },
  type: {
    'nc.openbsd': [
      { run: 'nc -N 10.9.0.2 7' },
      { run: 'ss -tano', terminal: 2 },
      { wait: { en: 'the second SYN, a second later', zh: '一秒后的第二个 SYN' }, until: 'S ESTABLISHED' },
      { key: 'Ctrl-D' },
    ],
    any: [{ run: 'nc 10.9.0.2 7' }, { run: 'ss -tano', terminal: 2 }, { key: 'Ctrl-C' }],
  },
  acts: [once, ours, never],
  predict: {
    ask: { en: 'What does S know of the first SYN?', zh: 'S 对第一个 SYN 知道多少？' },
    choices: [
      { en: 'nothing: it is in LISTEN', zh: '一无所知：它在 LISTEN' },
      { en: 'it is in SYN-RECEIVED', zh: '它在 SYN-RECEIVED' },
      { en: 'it asks for the SYN again', zh: '它会要求重发 SYN' },
    ],
    right: 0,
    why: {
      en: 'Nobody can miss what was never announced. Only K knows that it has sent a SYN, so only K has a timer.',
      zh: '没有被宣告过的东西谁也不会怀念。只有 K 知道自己发过 SYN，所以只有 K 有定时器。',
    },
  },
  narrate: [
    {
      when: 'K>S SYN LOST',
      say: {
        en: 'The SYN is lost. S sits in LISTEN and has not seen anything; K is in SYN-SENT, and its timer runs.',
        zh: 'SYN 丢失了。S 在 LISTEN，什么也没看到；K 在 SYN-SENT，定时器在跑。',
      },
    },
    {
      when: 'K>S SYN RETRANS ; S SYN-RECEIVED',
      say: { en: 'A second later: the same SYN, the same number.', zh: '一秒之后：同一个 SYN，同样的序号。' },
    },
  ],
  explain: {
    en: `Only the sender of a SYN can find out that it was lost, so only it has a timer: one second, as no round
trip has been measured yet (RFC 6298 §2). What it sends again has the same initial sequence number, so that it
does not matter if the first one turns up after all.

RFC 6298 doubles the time with every try, and so do we: 0.4, 0.8, 1.6 s in the second scene. Linux does not at
first: since 6.5 it sends its first SYNs one second apart (tcp_syn_linear_timeouts) and doubles afterwards.
When none of them arrives the program waits for as long as it likes to: curl -m 4 says "timed out", and S has
never heard of it.`,
    zh: `只有发送 SYN 的一方才可能发现它丢了，所以只有它有定时器：一秒，因为还没有测过往返时间（RFC 6298 §2）。
重发的 SYN 带着相同的初始序号，所以即使第一个后来又出现也没有关系。

RFC 6298 规定每次加倍，我们也这样做：第二幕里是 0.4、0.8、1.6 秒。Linux 起初不加倍：自 6.5 起，前几个 SYN 相隔一秒
（tcp_syn_linear_timeouts），之后才加倍。如果一个都没到，程序愿意等多久就等多久：curl -m 4 报告"超时"，而 S 从未听说过它。`,
  },
  next: ['open/synack-lost', 'open/third-ack-lost', 'open/refused'],
  broken: {
    what: 'S never sends a SYN again.',
    act: 'ours',
    stack: { msl: '500ms', 'rto.initial': '400ms', 'retries.syn': 0 },
  },
});
