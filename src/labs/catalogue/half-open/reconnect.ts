/** half-open/reconnect: K comes back from the same port while S still has the old connection. */

import type { LogEvent } from '../../../trace/log-event.ts';
import { lab } from '../../lab.ts';
import { happened, point } from '../open/points.ts';

interface Raw {
  readonly seq: number;
  readonly ack: number;
}
const rawsOf = (events: readonly LogEvent[], name: string, flags: string): Raw[] =>
  happened(events, name, { flags }).map(({ data }) => data['raw'] as Raw);

export default lab({
  id: 'half-open/reconnect',
  level: 3,
  minutes: 3,
  answers: ['B45', 'B52', 'B53'],
  rfc: ['RFC 9293 §3.5.1', 'RFC 9293 §3.10.7.4', 'RFC 5961 §4'],
  code: ['src/tcp/input/4-syn.ts', 'src/tcp/input/2-rst.ts'],
  title: { en: 'The peer comes back', zh: '对方重启后又来了' },
  question: {
    en:
      'K has rebooted and connects from the same port. S still has the old connection, ' +
      'ESTABLISHED. How do they agree?',
    zh: 'K 重启后从同一个端口再次连接，而 S 还留着旧连接，状态 ESTABLISHED。它们如何达成一致？',
  },
  type: {
    'nc.openbsd': [
      { run: 'nc -p 40000 10.9.0.2 7' },
      { line: 'one' },
      { run: "fourwave fault add 'drop in where rst times 1'", terminal: 2 },
      { run: 'ss -K dport = 7', terminal: 2 },
      { run: 'nc -N -p 40000 10.9.0.2 7' },
      { line: 'two' },
      { key: 'Ctrl-D' },
    ],
    any: [
      { run: 'nc -p 40000 10.9.0.2 7' },
      { line: 'one' },
      { run: "fourwave fault add 'drop in where rst times 1'", terminal: 2 },
      { run: 'ss -K dport = 7', terminal: 2 },
      { run: 'nc -p 40000 10.9.0.2 7' },
      { line: 'two' },
      { key: 'Ctrl-C' },
    ],
  },
  auto: async (stage) => {
    const old = await stage.nc(7, { N: true, localPort: 40_000 });
    await old.type('one');
    await old.saw('one');
    await stage.wait(200);
    await stage.rebootKernel();
    await stage.wait(300);
    stage.keep('half-open', (await stage.connections()).filter(({ id }) => id === 'c1')[0]?.state);
    stage.step({ en: 'K is back, and connects from the same port.', zh: 'K 回来了，从同一个端口连接。' });
    const fresh = await stage.nc(7, { N: true, localPort: 40_000 });
    await stage.until('c2 S ESTABLISHED');
    await fresh.type('two');
    await fresh.saw('two');
    await fresh.eof();
    await fresh.exited();
  },
  predict: {
    ask: {
      en: 'S is ESTABLISHED and receives a SYN. What does it send?',
      zh: 'S 处在 ESTABLISHED，收到一个 SYN。它发送什么？',
    },
    choices: [
      { en: 'SYN,ACK: a new connection', zh: 'SYN,ACK：新的连接' },
      { en: 'RST', zh: 'RST' },
      { en: 'an ACK of the old connection', zh: '旧连接的 ACK' },
    ],
    right: 2,
    why: {
      en:
        'It cannot know whether the SYN is genuine. The ACK says where S is; if K really has ' +
        'forgotten it will say RST.',
      zh: '它无法判断 SYN 是不是真的。ACK 说明 S 在哪里；如果 K 真的忘了，它会回 RST。',
    },
  },
  narrate: [
    {
      when: 'K>S SYN DROPPED',
      say: {
        en:
          'A new SYN for the old connection. S does not believe it at once: it answers with an ACK ' +
          'of what it has (a challenge).',
        zh: '旧连接上来了新的 SYN。S 不会立刻相信：它回一个 ACK，说明自己现有的状态（challenge）。',
      },
    },
    {
      when: 'c1 K>S RST',
      say: {
        en: 'K has sent no such thing: its RST carries the very number that S has named. Now S believes it.',
        zh: 'K 没有发过那些东西：它的 RST 带着 S 说出的那个序号。现在 S 相信了。',
      },
    },
  ],
  expect: `
    K>S SYN 0
    S>K SYN,ACK 0 ack 1
    K>S ACK 1 ack 1               ; S ESTABLISHED
    K>S PSH,ACK 1:5 ack 1
    S>K PSH,ACK 1:5 ack 5
    K>S ACK 5 ack 5
    ? K>S RST,ACK 5 ack 5 LOST
    c1 K>S SYN ? DROPPED          ; S ESTABLISHED
    strict c1 S>K ACK 5 ack 5     ; S ESTABLISHED
    strict c1 K>S RST 5           ; S CLOSED
    closed reset-by-peer
    K>S SYN 0 within 0ms..1900ms
    strict c2 S>K SYN,ACK 0 ack 1 ; S SYN-RECEIVED
    strict c2 K>S ACK 1 ack 1     ; S ESTABLISHED
    c2 K>S PSH,ACK 1:5 ack 1
    c2 S>K PSH,ACK 1:5 ack 5
    c2 K>S FIN,ACK 5 ack 5
    c2 S>K FIN,ACK 5 ack 6
    c2 K>S ACK 6 ack 6            ; S CLOSED
  `,
  check: ({ events, kept, programs }) => {
    const resets = rawsOf(events, 'seg:received', 'RST');
    const asked = happened(events, 'seg:sent', { trigger: 'challenge' })[0]?.data['raw'] as Raw | undefined;
    const syns = rawsOf(events, 'seg:received', 'SYN').map(({ seq }) => seq);
    return [
      point('S was half-open before', '此前 S 处于半打开', kept['half-open'] === 'ESTABLISHED'),
      point(
        'The RST stands exactly where the ACK of S pointed: anything else would not be believed (RFC 5961)',
        'RST 恰好在 S 的 ACK 所指的位置：换个位置就不会被相信（RFC 5961）',
        resets.length === 1 && (asked === undefined || resets[0]?.seq === asked.ack),
      ),
      point(
        "K's second SYN is its first one again",
        'K 的第二个 SYN 就是第一个的重发',
        syns.length === 3 && syns[1] === syns[2] && syns[0] !== syns[1],
      ),
      point(
        'The old application was told of a reset, the new one of a connection',
        '旧的应用程序得知重置，新的得知连接',
        happened(events, 'conn:closed', { error: 'ECONNRESET' }).length === 1 &&
          happened(events, 'app:accept').length === 2,
      ),
      point('The new echo works', '新的回显正常', programs[1]?.printed.includes('two') ?? false),
    ];
  },
  explain: {
    en: `Figure 9 of RFC 9293. To S the SYN belongs to a connection that it has, four-tuple and all; its number may
lie anywhere. S does not reset the connection for it, or anybody could end connections by sending SYNs (RFC 5961
§4); nor does it open a second one. It sends an ACK with its own numbers: a challenge.

K is in SYN-SENT. That ACK acknowledges what K has never sent, so K answers with a RST whose sequence number is the
one that was acknowledged. It is exactly what S expects next, so S believes it: the old connection is gone, its
application gets ECONNRESET, and the listener is free to take K's SYN, which K sends again at once (Linux) or after
its timer. The old half-open connection has delayed K by a moment, no more.`,
    zh: `这是 RFC 9293 的图 9。对 S 来说，这个 SYN 属于它已有的连接，四元组完全一致，序号可能在任何地方。
S 不会因此重置连接，否则谁都能靠发 SYN 终止别人的连接（RFC 5961 §4）；也不会再开一个。它用自己的序号回一个 ACK:challenge。

K 在 SYN-SENT。这个 ACK 确认的是 K 从未发过的东西，所以 K 回 RST，序号就是被确认的那个。它正好是 S 期待的下一个序号，
所以 S 相信了：旧连接消失，它的应用程序得到 ECONNRESET，监听者可以接受 K 的 SYN;K 立刻（Linux）或在定时器到期后重发它。
旧的半打开连接只让 K 耽搁了片刻。`,
  },
  next: ['open/old-duplicate-syn', 'time-wait/reuse', 'reset/blind'],
  broken: {
    what: "K's RST is lost: S keeps to the old connection, and K is not let in.",
    faults: ['drop in where rst'],
  },
});
