/** open/refused: nobody listens; with a RST, and with silence. */

import { type Act, lab } from '../../lab.ts';
import { happened, point, segments } from './points.ts';

const nc: Act = {
  name: 'nc',
  title: { en: 'nc', zh: 'nc' },
  auto: async (stage) => {
    const program = await stage.nc(99, { verbose: true });
    await program.exited();
  },
  expect: `
    K>S SYN 0
    strict S>K RST,ACK 0 ack 1
    never event conn:opened
  `,
  check: ({ events, programs }) => [
    point(
      'nc said "Connection refused" and ended with code 1',
      'nc 报告 "Connection refused"，以 1 退出',
      programs[0]?.exit?.code === 1 && /refused/i.test(`${programs[0].errors}${programs[0].printed}`),
      programs[0]?.errors.trim() ?? '',
    ),
    ...form(events),
  ],
};

const curl: Act = {
  name: 'curl',
  title: { en: 'curl', zh: 'curl' },
  auto: async (stage) => {
    const program = await stage.curl('-S', 'http://10.9.0.2:99/');
    await program.exited();
  },
  expect: `
    K>S SYN 0
    strict S>K RST,ACK 0 ack 1
    never event conn:opened
  `,
  check: ({ events, programs }) => [
    point('curl could not connect (7)', 'curl 无法连接（7）', programs[0]?.exit?.code === 7),
    ...form(events),
  ],
};

/** Of RFC 9293 §3.10.7.1: without an ACK in what came, SEQ 0 and ACK one past it. */
function form(events: Parameters<typeof happened>[0]) {
  const syn = happened(events, 'seg:received', { flags: 'SYN' })[0]?.data['raw'] as Raw | undefined;
  const rst = happened(events, 'seg:sent', { flags: 'RST,ACK' })[0]?.data['raw'] as Raw | undefined;
  return [
    point(
      'The number of the RST is 0 on the wire, not only in the picture',
      'RST 的序号在线路上就是 0，不只是图上',
      rst?.seq === 0,
      `raw SEQ ${String(rst?.seq)}`,
    ),
    point(
      'It acknowledges the SYN: that is how K knows that it is an answer to its own',
      '它确认了 SYN:K 由此知道这是对自己的回答',
      rst !== undefined && syn !== undefined && (rst.ack - syn.seq) >>> 0 === 1,
      `raw ACK ${String(rst?.ack)}`,
    ),
    point(
      'The log says why',
      '日志写明了原因',
      happened(events, 'rst:why').length === 1,
      String(happened(events, 'rst:why')[0]?.data['reason']),
    ),
  ];
}
interface Raw {
  readonly seq: number;
  readonly ack: number;
}

const silent: Act = {
  name: 'silence',
  title: { en: 'A host that says nothing (closedPorts = drop)', zh: '不作声的主机（closedPorts = drop）' },
  stack: { closedPorts: 'drop' },
  auto: async (stage) => {
    const program = await stage.curl('-S', '-m', stage.mode === 'sim' ? '4' : '2.5', 'http://10.9.0.2:99/');
    await program.exited(8000);
  },
  expect: `
    K>S SYN 0
    strict K>S SYN 0 RETRANS within 700ms..1900ms
    strict K>S SYN 0 RETRANS within 700ms..2600ms
    ? K>S SYN 0 RETRANS
    never S>K any
  `,
  check: ({ events, programs, mode }) => {
    const [first = 0, ...later] = segments(events, 'K', 'SYN').map(({ t }) => t);
    return [
      point(
        'curl learned nothing and timed out (28)',
        'curl 什么也没得知，最后超时（28）',
        programs[0]?.exit?.code === 28,
      ),
      point(
        mode === 'real'
          ? 'Linux sent its SYN once a second'
          : 'The simulated K waited twice as long each time (Linux ≥ 6.5: once a second at first)',
        mode === 'real' ? 'Linux 每秒发一个 SYN' : '模拟的 K 每次等待加倍（Linux ≥ 6.5 起初每秒一次）',
        later.length >= 2 && later.length <= 3,
        `SYN again at ${later.map((t) => (t - first).toFixed(2)).join(', ')} s`,
      ),
    ];
  },
};

export default lab({
  id: 'open/refused',
  level: 2,
  minutes: 2,
  answers: ['B4', 'B8', 'B56'],
  rfc: ['RFC 9293 §3.10.7.1', 'RFC 9293 §3.10.7.3', 'RFC 9293 §3.5.2'],
  code: ['src/tcp/input/closed.ts', 'src/tcp/output/reply.ts'],
  title: { en: 'Connection refused', zh: 'Connection refused：连接被拒绝' },
  question: {
    en: 'Nobody listens on the port. What comes back, and how does it differ from a host that is not there?',
    zh: '端口上没有人监听。会回来什么？这和主机不存在有什么区别？',
  },
  type: {
    curl: [{ run: 'curl http://10.9.0.2:99/' }],
    any: [{ run: 'nc -v 10.9.0.2 99' }],
  },
  acts: [nc, curl, silent],
  predict: {
    ask: { en: 'Which number does the RST carry?', zh: 'RST 带的序号是多少？' },
    choices: [
      { en: "S's initial sequence number", zh: 'S 的初始序号' },
      { en: 'zero', zh: '零' },
      { en: "K's number plus one", zh: 'K 的序号加一' },
    ],
    right: 1,
    why: {
      en:
        'There is no connection, so S has no numbers. What K believes is the acknowledgement: only who has seen ' +
        'its SYN can acknowledge it.',
      zh: '没有连接，S 也就没有序号。K 相信的是确认号：只有见过它的 SYN 的人才能确认它。',
    },
  },
  narrate: [
    {
      when: 'S>K RST,ACK',
      say: {
        en: 'Nobody listens: RST. It has no number of its own (0) and acknowledges the SYN.',
        zh: '没有人监听：RST。它没有自己的序号（0），但确认了那个 SYN。',
      },
    },
  ],
  explain: {
    en: `A segment for no connection and no listener is answered by a RST (RFC 9293 §3.10.7.1). Its form depends on
what came: to a segment with an ACK the RST takes its number from that acknowledgement and has no ACK bit; to one
without, as a SYN, it has SEQ 0 and acknowledges what came, "RST,ACK 0 ack 1". K in SYN-SENT believes a RST only if
its acknowledgement is right, and tells the program: ECONNREFUSED. All that takes one round trip.

A host that is not there, or a packet filter that drops, says nothing: the SYN is sent again and again, and the
program finds out when its own patience ends. "Refused" means that somebody is there; "timed out" that perhaps
nobody is.`,
    zh: `发给既无连接又无监听者的报文段，用 RST 回答（RFC 9293 §3.10.7.1）。它的形式取决于来的是什么：
来的带 ACK,RST 的序号就取自那个确认号，而且不带 ACK 位；来的不带 ACK（例如 SYN），就是 SEQ 0 并确认来者，即 "RST,ACK 0 ack 1"。
K 在 SYN-SENT 只有在确认号正确时才相信 RST，并告诉程序：ECONNREFUSED。这一切只要一个往返。

主机不存在，或者包过滤器直接丢弃，就什么也不说：SYN 一发再发，程序等到自己没有耐心为止。
"拒绝"说明那边有人，"超时"说明可能没有。`,
  },
  next: ['open/backlog-full', 'reset/unread-data', 'open/syn-lost'],
  broken: {
    what: 'S drops what comes for closed ports.',
    act: 'nc',
    stack: { closedPorts: 'drop' },
  },
});
