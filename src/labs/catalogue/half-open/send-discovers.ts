/** half-open/send-discovers: the one who sends finds out, from a RST or from silence. */

import { type Act, lab } from '../../lab.ts';
import type { Stage } from '../../stage.ts';
import { doubles, happened, point, segments, statesOfK, statesOfS } from '../open/points.ts';

const opened = async (stage: Stage) => {
  const nc = await stage.nc(2002, { N: true });
  await stage.until('S ESTABLISHED');
  await stage.wait(200);
  return nc;
};

const reboot: Act = {
  name: 'k-rebooted',
  title: { en: 'K has rebooted', zh: 'K 重启了' },
  auto: async (stage) => {
    await opened(stage);
    await stage.rebootKernel();
    await stage.wait(200);
    stage.keep('before', `${await statesOfS(stage)} / ${(await statesOfK(stage)) || 'nothing'}`);
    await stage.app('c1').write('hello?\n');
    await stage.until('S CLOSED');
    stage.keep('after', await statesOfS(stage));
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1 ack 1               ; S ESTABLISHED
    ...
    S>K PSH,ACK m:n ack ?
    strict K>S RST m              ; S CLOSED
    closed reset-by-peer
  `,
  check: ({ events, kept }) => [
    point(
      'Before, S was ESTABLISHED and K had nothing: half-open',
      '此前 S 是 ESTABLISHED，而 K 什么也没有：半打开',
      kept['before'] === 'ESTABLISHED / nothing',
      String(kept['before']),
    ),
    point(
      'The application of S got ECONNRESET',
      'S 的应用程序得到 ECONNRESET',
      happened(events, 'conn:closed', { error: 'ECONNRESET' }).length === 1,
      String(happened(events, 'conn:closed')[0]?.data['error']),
    ),
    point(
      'The RST has the number that S acknowledged, and no ACK of its own',
      'RST 的序号就是 S 的确认号，自己不带 ACK',
      segments(events, 'K', 'RST')[0]?.seq === 1 && segments(events, 'K', 'RST')[0]?.ack === null,
    ),
    point('Nothing is left', '什么也没有留下', kept['after'] === ''),
  ],
};

const gone: Act = {
  name: 'k-gone',
  title: { en: 'K is gone: silence', zh: 'K 不在了：一片寂静' },
  stack: { 'retries.data': 5, tlp: 'off' },
  real: { stack: { 'retries.data': 3, tlp: 'off' } },
  auto: async (stage) => {
    await opened(stage);
    await stage.cutCable();
    await stage.app('c1').write('hello?\n');
    await stage.until('S CLOSED', { timeout: 60_000 });
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1 ack 1               ; S ESTABLISHED
    strict S>K PSH,ACK 1:8 ack 1 LOST ; timer S.rto armed 200ms..260ms
    strict S>K PSH,ACK 1:8 ack 1 copy 2 LOST RETRANS
    strict S>K PSH,ACK 1:8 ack 1 copy 3 LOST RETRANS
    strict S>K PSH,ACK 1:8 ack 1 copy 4 LOST RETRANS
    ...
    closed timeout-r2
    ...
  `,
  check: ({ events, mode }) => {
    const times = segments(events, 'S', 'ACK')
      .filter(({ len }) => len > 0)
      .map(({ t }) => t);
    const gaps = times.slice(1).map((t, index) => Math.round((t - (times[index] ?? 0)) * 1000));
    const tries = mode === 'sim' ? 5 : 3;
    return [
      point(
        'Each wait was twice the one before',
        '每次等待都是前一次的两倍',
        gaps.length === tries && (mode === 'sim' ? doubles(gaps) : grows(gaps)),
        `${gaps.join(', ')} ms`,
      ),
      point(
        'After R2 the application got ETIMEDOUT',
        '超过 R2 之后，应用程序得到 ETIMEDOUT',
        happened(events, 'conn:closed', { error: 'ETIMEDOUT' }).length === 1,
        String(happened(events, 'conn:closed')[0]?.data['error']),
      ),
      point(
        'Every retransmission is told as one of the same segment',
        '每次重传都写明是同一个报文段',
        events.filter(({ ev, data }) => ev === 'seg:sent' && data['retransmission'] === true).length ===
          tries,
      ),
    ];
  },
};

/** On a busy machine: at least half as long again each time. */
const grows = (gaps: readonly number[]): boolean =>
  gaps.every((gap, index) => index === 0 || gap > 1.5 * (gaps[index - 1] ?? 0));

/** K's clock is not ours to set: its tries are only watched. */
const kernel: Act = {
  name: 'k-writes',
  title: { en: 'The other way round: K writes into the silence', zh: '反过来：K 向寂静里写' },
  auto: async (stage) => {
    const nc = await opened(stage);
    await stage.cutCable();
    await nc.type('hello?');
    await stage.wait(3200);
    stage.keep('K', (await stage.kernelSockets())[0]?.timer?.name ?? 'none');
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1 ack 1               ; S ESTABLISHED
    K>S PSH,ACK 1:8 ack 1 LOST
    strict K>S ACK 1:8 ack 1 LOST RETRANS within 150ms..450ms
    strict K>S ACK 1:8 ack 1 LOST RETRANS
    strict K>S ACK 1:8 ack 1 LOST RETRANS
    ...
    never S>K PSH,ACK
  `,
  check: ({ events, kept, connections }) => {
    const times = segments(events, 'K', 'ACK')
      .filter(({ len }) => len > 0)
      .map(({ t }) => t);
    const gaps = times.slice(1).map((t, index) => Math.round((t - (times[index] ?? 0)) * 1000));
    return [
      point(
        'K waits longer and longer; the first extra try is its tail loss probe',
        'K 等得越来越久；最早多出的一次是它的尾部丢失探测',
        times.length >= 4 && (gaps.at(-1) ?? 0) > 1.5 * (gaps[0] ?? 0),
        `${gaps.join(', ')} ms`,
      ),
      point(
        'ss shows its retransmission timer',
        'ss 显示它的重传定时器',
        kept['K'] === 'rto',
        String(kept['K']),
      ),
      point(
        'S knows of nothing, and is ESTABLISHED',
        'S 一无所知，仍是 ESTABLISHED',
        connections[0]?.state === 'ESTABLISHED',
      ),
    ];
  },
};

const mirror: Act = {
  name: 's-restarted',
  title: { en: 'The mirror: our stack is killed and started again', zh: '镜像：我们的协议栈被杀死并重启' },
  auto: async (stage) => {
    const nc = await opened(stage);
    await stage.restartStack();
    stage.keep('K', await statesOfK(stage));
    await nc.type('hello?');
    await stage.until('S>K RST');
    await stage.wait(300);
    stage.keep('K after', await statesOfK(stage));
  },
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1 ack 1               ; S ESTABLISHED
    K>S PSH,ACK
    strict S>K RST
    ...
  `,
  check: ({ events, kept }) => [
    point(
      'K was ESTABLISHED with a stack that has never heard of it',
      'K 与一个从未听说过它的协议栈保持着 ESTABLISHED',
      kept['K'] === 'ESTABLISHED' && kept['K after'] === '',
      `${String(kept['K'])}, then ${String(kept['K after']) || 'nothing'}`,
    ),
    point(
      'S gave its reason: an ACK that belongs to no connection',
      'S 说明了原因：这个 ACK 不属于任何连接',
      happened(events, 'rst:why').length >= 1,
      String(happened(events, 'rst:why')[0]?.data['reason']),
    ),
  ],
};

export default lab({
  id: 'half-open/send-discovers',
  level: 2,
  minutes: 3,
  answers: ['B52', 'B53'],
  rfc: ['RFC 9293 §3.5.1', 'RFC 9293 §3.8.3', 'RFC 9293 §3.10.7.1', 'RFC 6298 §5'],
  code: ['src/tcp/input/2-rst.ts', 'src/tcp/timers/retransmission.ts', 'src/tcp/input/closed.ts'],
  title: { en: 'Who sends finds out', zh: '谁发送，谁发现' },
  question: {
    en: 'The other end is gone. S writes to the connection. What does it learn, when, and what from?',
    zh: '另一端已经不在。S 往连接里写数据。它会得知什么？什么时候？从哪里得知？',
  },
  type: {
    any: [
      { run: 'while sleep 1; do echo pong; done | nc 10.9.0.2 2007' },
      { run: "fourwave fault add 'drop in where rst times 1'", terminal: 2 },
      { run: 'ss -K dport = 2007', terminal: 2 },
      {
        wait: { en: 'the next ping: S writes, and finds out', zh: '下一次 ping:S 写数据，于是发现' },
        until: 'K>S RST\nS CLOSED',
      },
      { run: 'fourwave ss', terminal: 2 },
    ],
  },
  acts: [reboot, gone, kernel, mirror],
  predict: {
    ask: {
      en: 'K was switched off and on again. S writes a line. What comes back?',
      zh: 'K 断电后重新开机。S 写了一行。会回来什么？',
    },
    choices: [
      { en: 'nothing, again and again', zh: '什么也没有，一次又一次' },
      { en: 'a RST', zh: '一个 RST' },
      { en: 'an ACK', zh: '一个 ACK' },
    ],
    right: 1,
    why: {
      en:
        'K is there again but knows no such connection: it answers as any host does. Only if it is ' +
        'gone there is silence.',
      zh: 'K 又在了，但不认识这个连接，于是像任何主机一样回答 RST。只有它不在时才是寂静。',
    },
  },
  narrate: [
    {
      when: 'S>K PSH,ACK',
      say: {
        en: 'S writes: only now anything crosses the wire that could fail.',
        zh: 'S 写数据：直到此刻，线路上才有可能失败的东西。',
      },
    },
    {
      when: 'K>S RST',
      say: {
        en: 'K has no such connection. The RST ends the half-open one.',
        zh: 'K 没有这个连接。RST 结束了半打开的连接。',
      },
    },
  ],
  explain: {
    en: `There are two ways to find out, and they look quite different to the program. If the other host is there
but has forgotten (it rebooted; the process was killed and the RST got lost), the first segment earns a RST: the
program gets ECONNRESET after one round trip (Figure 10 of RFC 9293).

If nobody answers, TCP can only try again: after one RTO (200 ms here, as the round trip was short), then twice as
long each time. After R1, three tries, something may be told about it; after R2 ("retries.data", 15 on Linux and
here, about a quarter of an hour) the connection is closed and the program gets ETIMEDOUT. Until then it has no idea:
its write succeeded long ago, for it only went to the buffer.`,
    zh: `发现的方式有两种，对程序来说差别很大。如果对方主机还在，只是忘了（重启过；或进程被杀、RST 丢失），
第一个报文段就换来 RST：一个往返之后程序得到 ECONNRESET（RFC 9293 图 10）。

如果没有人回答，TCP 只能再试：先等一个 RTO（这里往返很短，是 200 毫秒），之后每次加倍。超过 R1（三次）时可以提醒应用；
超过 R2（"retries.data",Linux 和这里都是 15 次，约一刻钟）时连接被关闭，程序得到 ETIMEDOUT。
在此之前它毫不知情：它的 write 早已成功，因为数据只是进了缓冲区。`,
  },
  next: ['half-open/keepalive', 'half-open/reconnect', 'data/rto'],
  broken: {
    what: "K's RST is lost: S sends again and again where it should have been told.",
    act: 'k-rebooted',
    faults: ['drop in where rst'],
  },
});
